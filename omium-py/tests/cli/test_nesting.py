"""Steps within steps and graphs within graphs: shown by the names their authors gave them."""

import pytest

COMMANDS = [
    "log nest",
    "show nest@2",
    "diff nest@3 nest@7",
    "replay nest",
    "log subs",
    "log subs --graph",
    "cat subs@6",
    "diff subs@5 subs@6",
    "replay subs --graph TESTS/nested.py:build",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_output(nested, command, snapshot):
    assert str(nested.omium(*command.replace("TESTS", str(nested.tests)).split())) == snapshot
