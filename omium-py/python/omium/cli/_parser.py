"""The command line: every verb, its arguments and its one line of help."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any, NoReturn

from omium.cli._errors import USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium.cli._terminal import Terminal

__all__ = ["GROUPS", "build"]

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "start",
        (
            ("demo", "watch an agent being killed and continue, offline, in 20 seconds"),
            ("init", "make a store here and say how to use it"),
            ("run", "run a script so that the same command again continues it"),
        ),
    ),
    (
        "look",
        (
            ("ls", "list executions, newest first"),
            ("show", "everything about one execution, or one entry of it"),
            ("log", "what happened, entry by entry; --graph shows forks and rollbacks"),
            ("cat", "print what was recorded at EXEC@SEQ"),
            ("diff", "what changed between two checkpoints, or between two runs"),
            ("why", "what a failure came from, and what is different from the last good run"),
        ),
    ),
    (
        "go back, go on",
        (
            ("rollback", "undo the effects since a checkpoint and go back to it; nothing is erased"),
            ("fork", "a new execution that shares the past of another"),
            ("resume", "continue an execution where it stopped"),
            ("answer", "answer a question, or say whether an effect in doubt happened"),
            ("replay", "run the code on its record: no model calls, no effects"),
            ("cancel", "end an execution and shut out whoever runs it"),
        ),
    ),
    (
        "test",
        (
            ("torture", "kill a script at every step, continue it, and compare what came of it"),
            ("export", "an execution as a file: a failing run becomes a regression test"),
            ("import", "take an exported execution into this store"),
        ),
    ),
    (
        "care",
        (
            ("check", "read the store back and verify it"),
            ("backup", "copy the store, which may be in use, to another directory"),
            ("prune", "drop old history by a policy"),
            ("gc", "give the space of dropped history back to the disk"),
            ("doctor", "versions, paths, disk, frameworks: is everything in order?"),
            ("completions", "a completion script for bash, zsh or fish"),
        ),
    ),
)


_STATUSES = ("running", "ready", "orphaned", "waiting", "completed", "failed", "cancelled")


class _Parser(argparse.ArgumentParser):
    terminal: Terminal

    def error(self, message: str) -> NoReturn:
        raise CommandError(message.replace("SCRIPT, ...", "SCRIPT"), f"{self.prog} --help", USAGE)

    def take_up(self, arguments: argparse.Namespace, rest: list[str]) -> None:
        """Gives an optional word its value where an option stands before it: Python up to 3.12 does not."""
        for action in self._get_positional_actions():
            optional = action.nargs == argparse.OPTIONAL and getattr(arguments, action.dest) is None
            if optional and re.match(r"[^-]|-[0-9]|-?$", rest[0]):
                setattr(arguments, action.dest, rest.pop(0))
                return


class _Root(_Parser):
    verbs: argparse._SubParsersAction[_Parser]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        arguments, rest = self.parse_known_args(args, namespace)
        if rest:
            self.verbs.choices[arguments.verb].take_up(arguments, rest)
        if rest:
            self.verbs.choices[arguments.verb].error(f"it does not take {' '.join(rest)}")
        return arguments

    def error(self, message: str) -> NoReturn:
        # Only a missing or unknown verb comes here in words that name the list of them.
        typed = re.search(r"invalid choice: '(.*?)'", message)
        if typed is not None:
            from difflib import get_close_matches

            verbs = [verb for _, group in GROUPS for verb, _ in group]
            close = get_close_matches(typed[1], verbs, n=1)
            hint = f"did you mean omium {close[0]}?" if close else "omium --help lists the verbs"
            raise CommandError(f"there is no verb {typed[1]!r}", hint, USAGE)
        if "required: VERB" in message:
            raise CommandError("which verb?", "omium --help lists them", USAGE)
        super().error(message)

    def format_help(self) -> str:
        parts = [
            "Durable agent runs: what finished is never lost and never paid for twice.",
            "",
            "usage: omium [--store DIR] VERB ...",
        ]
        for title, verbs in GROUPS:
            parts += ["", f"{title}:"]
            parts += [f"  {verb:<12}{text}" for verb, text in verbs]
        parts += [
            "",
            "everywhere:",
            "  --store DIR   the store; else OMIUM_STORE, else ./.omium",
            "  --json        the answer as JSON, on every verb that reads",
            "  --version     the version of omium",
            "",
            "EXEC is the id of an execution, EXEC@SEQ one entry of its log. `omium VERB --help` says more.",
            "",
        ]
        return "\n".join(parts)


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=argparse.SUPPRESS)

    def __call__(self, *_: Any) -> NoReturn:
        # The native module is loaded only when it is asked for its version.
        from omium._omium import __version__

        _Parser.terminal.print(f"omium {__version__}")
        raise SystemExit(0)


def build(terminal: Terminal) -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    _Parser.terminal = terminal
    root = _Root(prog="omium", allow_abbrev=False)
    root.add_argument("--version", action=_Version)
    root.add_argument("--store", metavar="DIR", default=None, help=argparse.SUPPRESS)
    root.verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    add = _Adder(root.verbs)
    for group in (_start, _look, _go, _test, _care):
        group(add)
    return root


def _start(add: _Adder) -> None:
    demo = add("demo", reads=False, store=False)
    demo.add_argument("--keep", metavar="DIR", help="work in DIR and leave everything there")
    add("init", reads=False)
    run = add("run", reads=False)
    run.add_argument("--id", metavar="EXEC", help="the execution (default: made of the script and its arguments)")
    _script(run)


def _look(add: _Adder) -> None:
    ls = add("ls")
    ls.add_argument(
        "--status",
        metavar="S",
        type=_status,
        help="only those running, ready, orphaned, waiting, completed, failed or cancelled",
    )
    ls.add_argument("--workflow", metavar="W", help="only those of one workflow")
    ls.add_argument("--prefix", metavar="P", help="only ids that begin with P")
    ls.add_argument("-n", "--limit", metavar="N", type=_count, help="at most N, 0 for all (default 50; as JSON, all)")

    ls.add_argument("--watch", action="store_true", help="go on showing what changes, until Ctrl-C")
    ls.add_argument("--ids", action="store_true", help=argparse.SUPPRESS)

    show = add("show")
    show.add_argument("target", metavar="EXEC[@SEQ]")
    show.add_argument(
        "-n", "--limit", metavar="N", type=_count, help="the last N entries, 0 for all (default 12; as JSON, all)"
    )

    show.add_argument(
        "--values", action="store_true", help="with --json, every entry with its values, as people read them"
    )
    part = show.add_mutually_exclusive_group()
    part.add_argument("--effects", action="store_true", help="what it did outside, and how each of it stands")
    part.add_argument("--failures", action="store_true", help="what failed, of what kind, and what may help")

    why = add("why")
    why.add_argument("target", metavar="EXEC")
    why.add_argument(
        "--confirm", action="store_true", help="run on with a suspect's output replaced by that of the last good run"
    )
    why.add_argument("--suspect", metavar="SEQ", type=_seq, help="confirm this entry, and no other")
    why.add_argument("--value", metavar="JSON", help="the output to try in its place")
    why.add_argument(
        "--code",
        metavar="CODE",
        help="what the experiment runs, where the record does not say it: 'agent.py ARGUMENTS', or agent.py:graph",
    )
    why.add_argument("--live", action="store_true", help="let the experiment ask models what is not on record")

    log = add("log")
    log.add_argument("target", metavar="EXEC")
    log.add_argument(
        "--graph", action="store_true", help="draw the tree: what rollbacks left behind, where forks began"
    )
    log.add_argument("--all", action="store_true", help="also entries that a rollback left behind")
    log.add_argument("-n", "--limit", metavar="N", type=_count, default=0, help="only the last N entries")
    log.add_argument("--follow", action="store_true", help="go on with new entries as they come, until it has ended")

    cat = add("cat")
    cat.add_argument("target", metavar="EXEC[@SEQ]", help="without @SEQ, the result of the execution")
    part = cat.add_mutually_exclusive_group()
    part.add_argument("--input", action="store_true", help="what went in instead of what came out")
    part.add_argument("--meta", action="store_true", help="what the recorder noted beside it")
    part.add_argument("--name", metavar="NAME", help="one named value of a state (a LangGraph channel)")
    cat.add_argument("--raw", action="store_true", help="the encoded bytes as they stand in the store")

    diff = add("diff")
    diff.add_argument("old", metavar="A[@SEQ]", help="A and B without @SEQ: the two runs, step by step")
    diff.add_argument("new", metavar="B[@SEQ]", nargs="?", help="left out: A is compared with the entry before it")
    diff.add_argument("--full", action="store_true", help="every line, however long; between runs, made ids too")


def _go(add: _Adder) -> None:
    rollback = add("rollback")
    rollback.add_argument("target", metavar="EXEC[@SEQ]")
    rollback.add_argument("--to", metavar="SEQ", type=_seq, help="the checkpoint to return to; 0 is the beginning")
    rollback.add_argument("--plan", action="store_true", help="show what would fall and be undone, and stop")
    rollback.add_argument("--abandon-effects", action="store_true", help="undo nothing: leave every effect standing")

    fork = add("fork")
    fork.add_argument("target", metavar="EXEC[@SEQ]")
    fork.add_argument("--at", metavar="SEQ", type=_seq, help="the last entry the fork shares (default: the head)")
    fork.add_argument(
        "--abandon-effects", action="store_true", help="give up what is in doubt after SEQ: the fork does it anew"
    )
    fork.add_argument("--id", metavar="NEW", help="the id of the fork (default: EXEC-fork, numbered)")

    resume = add("resume")
    resume.add_argument("target", metavar="EXEC", nargs="?")
    resume.add_argument(
        "--all", action="store_true", help="everything that nobody runs, as a service does at its start"
    )
    resume.add_argument("--workflow", metavar="W", help="with --all, only those of one workflow")
    resume.add_argument("--dry-run", action="store_true", help="with --all, say what would be resumed and stop")

    answer = add("answer")
    answer.add_argument("target", metavar="EXEC[@SEQ]", help="@SEQ chooses when it waits for more than one answer")
    answer.add_argument("value", metavar="VALUE", nargs="?", help="JSON, else text; left out: list what is asked")
    answer.add_argument("--text", action="store_true", help="take VALUE as text even if it is JSON")
    answer.add_argument(
        "--did-not-happen", action="store_true", help="the effect in doubt never happened, and may run again"
    )

    replay = add("replay")
    replay.add_argument("target", metavar="EXEC")
    replay.add_argument(
        "--code",
        metavar="CODE",
        help="what to run, where the record does not say it: 'agent.py ARGUMENTS', or a thread's agent.py:graph",
    )

    add("cancel").add_argument("target", metavar="EXEC")


def _test(add: _Adder) -> None:
    torture = add("torture", store=False)
    torture.add_argument("--limit", metavar="N", type=_positive, help="at most N kills, spread evenly")
    torture.add_argument("--jobs", metavar="N", type=_positive, help="how many at a time (default: one per processor)")
    torture.add_argument(
        "--watch", metavar="FILE", action="append", default=[], help="a file outside the working directory to compare"
    )
    torture.add_argument(
        "--with", metavar="PATH", action="append", default=[], dest="given", help="put a copy of PATH where it runs"
    )
    torture.add_argument(
        "--answer", metavar="VALUE", action="append", default=[], help="what to answer when it asks; again for the next"
    )
    torture.add_argument("--keep", metavar="DIR", help="work in DIR and leave everything there")
    _script(torture)

    export = add("export", reads=False)
    export.add_argument("target", metavar="EXEC")
    export.add_argument("-o", "--output", metavar="FILE", help="the file (default: standard output)")

    load = add("import")
    load.add_argument("file", metavar="FILE", help="what omium export made; - reads standard input")
    load.add_argument("--id", metavar="NEW", help="under another id")


def _script(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", metavar="SCRIPT", help="a Python file")
    parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="its arguments")
    parser.set_defaults(options=re.findall(r"--[a-z]+", parser.format_usage()))


def _care(add: _Adder) -> None:
    check = add("check")
    check.add_argument("--full", action="store_true", help="read every value back, not only the index")

    backup = add("backup")
    backup.add_argument("directory", metavar="DIR", help="where to; new or empty")

    prune = add("prune")
    prune.add_argument("target", metavar="EXEC", nargs="?", help="only this execution")
    prune.add_argument("--keep-last", metavar="N", type=_positive, help="keep the last N states of each execution")
    prune.add_argument(
        "--older-than", metavar="AGE", type=_age, help="drop executions that ended longer ago: 12h, 30d, 8w"
    )
    prune.add_argument("--abandoned", action="store_true", help="drop what rollbacks left behind")
    prune.add_argument("--dry-run", "--plan", action="store_true", help="show what would go and stop")

    add("gc")
    add("doctor")
    completions = add("completions", reads=False, store=False)
    completions.add_argument("shell", metavar="bash|zsh|fish", type=_shell)


class _Adder:
    def __init__(self, verbs: argparse._SubParsersAction[_Parser]) -> None:
        self._verbs = verbs
        self._help = {verb: text for _, group in GROUPS for verb, text in group}

    def __call__(self, verb: str, *, reads: bool = True, store: bool = True) -> argparse.ArgumentParser:
        text = self._help[verb]
        sentence = text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")
        parser = self._verbs.add_parser(verb, description=sentence, allow_abbrev=False)
        if store:
            # SUPPRESS: without the option here, the value given before the verb stands.
            parser.add_argument(
                "--store", metavar="DIR", default=argparse.SUPPRESS, help="the store (default: OMIUM_STORE, ./.omium)"
            )
        if reads:
            parser.add_argument("--json", action="store_true", help="the answer as JSON")
        return parser


def _seq(text: str) -> int:
    if not re.fullmatch(r"@?[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of an entry")
    return int(text.removeprefix("@"))


def _status(text: str) -> str:
    if text not in _STATUSES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_STATUSES)}")
    return text


def _shell(text: str) -> str:
    if text not in ("bash", "zsh", "fish"):
        raise argparse.ArgumentTypeError(f"{text!r} is not bash, zsh or fish")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def _age(text: str) -> int:
    match = re.fullmatch(r"([0-9]+)([smhdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 12h, 30d or 8w")
    return int(match[1]) * _UNITS_MS[match[2]]
