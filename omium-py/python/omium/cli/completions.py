"""`omium completions SHELL`: a script that completes verbs, options and execution ids."""

from __future__ import annotations

import argparse
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE
from omium.cli._parser import GROUPS, build

if TYPE_CHECKING:
    from omium.cli._terminal import Terminal

__all__ = ["run"]

_HELP = {verb: text for _, verbs in GROUPS for verb, text in verbs}

_BASH = """\
# omium completions bash > ~/.local/share/bash-completion/completions/omium
_omium() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" verb="" candidate IFS=$'\\n'
    for candidate in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$candidate" in -*) ;; *) verb="$candidate"; break ;; esac
    done
    COMPREPLY=()
    case "$verb" in
        "") COMPREPLY=($(compgen -W "{verbs}" -- "$word")) ;;
{cases}
    esac
    if [[ "$word" != -* && "$verb" =~ ^({targets})$ ]]; then
        COMPREPLY=($(compgen -W "$(omium ls -n 0 --ids 2>/dev/null)" -- "$word"))
    fi
}}
complete -F _omium omium
"""

_ZSH = """\
#compdef omium
# omium completions zsh > ~/.zfunc/_omium
_omium() {{
    local -a verbs options ids
    verbs=(
{verbs}
    )
    if (( CURRENT == 2 )); then
        _describe verb verbs
        return
    fi
    case "${{words[2]}}" in
{cases}
    esac
    if [[ "${{words[2]}}" =~ '^({targets})$' && "${{words[CURRENT]}}" != -* ]]; then
        ids=("${{(@f)$(omium ls -n 0 --ids 2>/dev/null)}}")
        compadd -a ids
    else
        compadd -a options
    fi
}}
_omium "$@"
"""

_FISH = """\
# omium completions fish > ~/.config/fish/completions/omium.fish
complete -c omium -f
{verbs}
{options}
complete -c omium -n "__fish_seen_subcommand_from {targets}" -a "(omium ls -n 0 --ids 2>/dev/null)"
"""


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Prints the script, made from the parser itself."""
    shell = {"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell]
    terminal.out.write(shell(_options(terminal), _targets(terminal)))
    return DONE


def _verbs(terminal: Terminal) -> dict[str, argparse.ArgumentParser]:
    for action in build(terminal)._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the parser has verbs")


def _options(terminal: Terminal) -> dict[str, list[str]]:
    return {
        verb: [flag for action in parser._actions for flag in _shown(action) if flag.startswith("--")]
        for verb, parser in _verbs(terminal).items()
    }


def _shown(action: Any) -> list[str]:
    return [] if action.help == argparse.SUPPRESS else list(action.option_strings)


def _targets(terminal: Terminal) -> list[str]:
    """The verbs whose arguments name executions."""
    names = ("target", "old", "new")
    verbs = _verbs(terminal).items()
    return [verb for verb, parser in verbs if any(a.dest in names for a in parser._actions)]


def _bash(options: dict[str, list[str]], targets: list[str]) -> str:
    cases = [
        f'        {verb}) COMPREPLY=($(IFS=" "; compgen -W "{" ".join(flags)}" -- "$word")) ;;'
        for verb, flags in options.items()
    ]
    return _BASH.format(verbs="\n".join(options), cases="\n".join(cases), targets="|".join(targets))


def _zsh(options: dict[str, list[str]], targets: list[str]) -> str:
    described = [f"        '{verb}:{_HELP[verb].replace(':', ',')}'" for verb in options]
    cases = [f"        {verb}) options=({' '.join(flags)}) ;;" for verb, flags in options.items()]
    return _ZSH.format(verbs="\n".join(described), cases="\n".join(cases), targets="|".join(targets))


def _fish(options: dict[str, list[str]], targets: list[str]) -> str:
    verbs = [f'complete -c omium -n __fish_use_subcommand -a {verb} -d "{_HELP[verb]}"' for verb in options]
    flags = [
        f'complete -c omium -n "__fish_seen_subcommand_from {verb}" -l {flag.removeprefix("--")}'
        for verb, all_flags in options.items()
        for flag in all_flags
    ]
    return _FISH.format(verbs="\n".join(verbs), options="\n".join(flags), targets=" ".join(targets))
