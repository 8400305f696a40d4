"""Effects, answers and rollbacks as users of the command line meet them."""

import json
import shutil
from pathlib import Path

import pytest

SHOP = "shop.py"


@pytest.fixture
def shop(empty):
    """A directory with the program in it."""
    shutil.copy(Path(__file__).parent / SHOP, empty.directory)
    return empty


def start(place, check=True, **environment):
    return place.python(place.directory / SHOP, check=check, **environment)


def ledger(place):
    return (place.directory / "ledger").read_text().splitlines()


def test_a_rollback_shows_its_plan_and_undoes(shop):
    start(shop)
    plan = shop.omium("rollback", "buy-1", "--to", "0", "--plan")
    assert plan.code == 0
    assert "undone, in this order:" in plan.out
    assert "it declares no undo" in plan.out
    assert ledger(shop) == ["charge o1", "charge o2", "mail me@example.org"]
    done = shop.omium("rollback", "buy-1", "--to", "0")
    assert (done.code, done.err.splitlines()[0]) == (
        0,
        "2 effects undone, the head of buy-1 is @0 now; nothing was erased",
    )
    assert ledger(shop)[3:] == ["refund o2 receipt-o2", "refund o1 receipt-o1"]
    shown = json.loads(shop.omium("show", "buy-1", "--effects", "--json").out)
    assert [(each["name"], each["state"]) for each in shown] == [
        ("charge", "undone"),
        ("charge", "undone"),
        ("mail", "left standing"),
    ]
    assert "left standing" in shop.omium("show", "buy-1", "--effects").out


def test_the_plan_of_a_rollback_names_forks_that_share_what_it_undoes(shop):
    start(shop)
    forked = shop.omium("fork", "buy-1", "--at", "2", "--id", "buy-2")
    assert "its program, run under the id buy-2, runs it on" in forked.err, "its record does not say which that is"
    plan = shop.omium("rollback", "buy-1", "--to", "0", "--plan")
    assert "on record as done in 1 fork made before: buy-2\n" in plan.err
    assert json.loads(shop.omium("rollback", "buy-1", "--to", "2", "--plan", "--json").out)["forks"] == []


def test_without_the_code_a_rollback_is_refused_and_says_what_else_can_be_done(shop):
    start(shop)
    (shop.directory / SHOP).unlink()
    refused = shop.omium("rollback", "buy-1", "--to", "0")
    assert refused.code == 3
    assert "cannot be undone: cannot read" in refused.err
    assert "--abandon-effects" in refused.err
    assert len(ledger(shop)) == 3
    given_up = shop.omium("rollback", "buy-1", "--to", "0", "--abandon-effects", "--json")
    assert given_up.code == 0
    assert {each["action"] for each in json.loads(given_up.out)["effects"]} == {"leave"}
    assert len(ledger(shop)) == 3


def test_half_a_rollback_is_told_of(shop):
    path = shop.directory / SHOP
    whole = path.read_text()
    path.write_text(whole.replace('    write("refund"', '    assert order != "o1", "bank down"\n    write("refund"'))
    start(shop)
    stopped = shop.omium("rollback", "buy-1", "--to", "0")
    assert stopped.code == 1
    assert "charge@2 of 'buy-1' could not be undone: AssertionError: bank down" in stopped.err
    told = "a rollback to @0 was interrupted: nothing runs on before it is finished\nhint: omium rollback buy-1 --to 0"
    assert told in shop.omium("show", "buy-1").err
    assert "goes on from here" not in shop.omium("show", "buy-1").err
    assert told in shop.omium("show", "buy-1", "--effects").err
    (failure,) = json.loads(shop.omium("show", "buy-1", "--failures", "--json").out)
    assert (failure["step"], failure["type"]) == ("the undo of charge", "tool_error")
    assert any(SHOP in frame for frame in failure["stack"])
    path.write_text(whole)
    assert shop.omium("rollback", "buy-1", "--to", "0").code == 0
    assert ledger(shop)[3:] == ["refund o2 receipt-o2", "refund o1 receipt-o1"]
    assert told not in shop.omium("show", "buy-1").err


def test_a_script_that_starts_its_program_when_it_is_loaded_is_not_run_forward(shop):
    path = shop.directory / SHOP
    path.write_text(path.read_text().replace('if __name__ == "__main__":', "if True:"))
    start(shop)
    refused = shop.omium("rollback", "buy-1", "--to", "0")
    assert refused.code == 3
    assert "__main__" in refused.err
    assert len(ledger(shop)) == 3


def test_effects_of_a_program_that_is_nowhere_are_left_to_it(shop):
    """As those of a program in Rust."""
    lost = shop.directory / "lost.py"
    lost.write_text(
        "import omium\n"
        "exec(compile('def charge(order): ...', '<nowhere>', 'exec'), {}, made := {})\n"
        "with omium.execution('buy-1'): omium.effect(undo=lambda order: None)(made['charge'])('o1')\n"
    )
    shop.python(lost)
    refused = shop.omium("rollback", "buy-1", "--to", "0")
    assert (refused.code, "does not say where its code is" in refused.err) == (3, True), refused.err
    assert "let the program itself roll it back, as Execution::rollback_with does in Rust" in refused.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import sys; ORDER = sys.argv[1]", "its code raised IndexError: list index out of range"),
        (
            "import argparse; argparse.ArgumentParser().add_argument('order'); raise SystemExit(2)",
            "ends as soon as it is",
        ),
    ],
)
def test_a_script_that_cannot_be_loaded_without_its_arguments(shop, line, said):
    start(shop)
    path = shop.directory / SHOP
    path.write_text(path.read_text().replace("import omium\n", f"import omium\n{line}\n", 1))
    refused = shop.omium("rollback", "buy-1", "--to", "0")
    assert (refused.code, said in refused.err, "--abandon-effects" in refused.err) == (3, True, True), refused.err
    assert len(ledger(shop)) == 3


def test_an_effect_in_doubt_is_answered(shop):
    start(shop, check=False, DIE="1")
    waits = start(shop, check=False)
    assert "omium.exceptions.Waiting: did mail" in waits.stderr
    assert "did mail happen?" in shop.omium("show", "buy-1").err
    assert "did mail happen?  ('me@example.org')" in shop.omium("answer", "buy-1").out
    answered = shop.omium("answer", "buy-1", '"sent"')
    assert (answered.code, "its program, started again" in answered.err) == (0, True)
    shown = shop.omium("show", "buy-1")
    assert (shown.code, "did mail happen?" in shown.out) == (0, False), "what was answered is no error any more"
    start(shop)
    assert ledger(shop) == ["charge o1", "charge o2", "mail me@example.org"]
    assert shop.omium("answer", "buy-1", "again").code == 1


@pytest.mark.parametrize("words", [("--did-not-happen",), ("did not happen",)])
def test_what_did_not_happen_runs_again(shop, words):
    start(shop, check=False, DIE="1")
    start(shop, check=False)
    assert shop.omium("answer", "buy-1", *words).code == 0
    start(shop)
    assert ledger(shop).count("mail me@example.org") == 2


def test_a_question_is_answered(shop):
    start(shop, check=False, ASK="1")
    asked = json.loads(shop.omium("answer", "buy-1", "--json").out)
    assert [each["text"] for each in asked] == ["send the mail?"]
    assert shop.omium("answer", f"buy-1@{asked[0]['seq']}", "yes").code == 0
    start(shop, ASK="1")
    assert shop.omium("cat", "buy-1@6").out == "yes\n"


@pytest.mark.parametrize(("choices", "words"), [('["1", "2"]', ["1"]), ("[1, 2]", ["1"]), ('["1"]', ["--text", "1"])])
def test_a_choice_is_answered_as_it_is_listed(shop, choices, words):
    path = shop.directory / SHOP
    path.write_text(path.read_text().replace('"send the mail?"', f'"send the mail?", choices={choices}'))
    start(shop, check=False, ASK="1")
    assert shop.omium("answer", "buy-1", *words).code == 0
    assert json.loads(shop.omium("cat", "buy-1@6", "--json").out) == json.loads(choices)[0]


def test_an_option_may_stand_before_the_answer(shop):
    start(shop, check=False, ASK="1")
    assert shop.omium("answer", "buy-1", "--text", "yes", "no").code == 2
    assert shop.omium("answer", "buy-1", "--text", "-5").code == 0
    start(shop, ASK="1")
    assert shop.omium("diff", "buy-1@2", "--json", "buy-1@4").code == 0


def test_answers_to_nothing(shop):
    start(shop)
    assert shop.omium("answer", "buy-1").err == "buy-1 waits for no answer\n"
    assert shop.omium("answer", "buy-1", "x").code == 1
    assert shop.omium("answer", "buy-1", "x", "--did-not-happen").code == 2
    assert shop.omium("answer", "nobody", "x").code == 1
