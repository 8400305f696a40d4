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
    "replay subs --code TESTS/nested.py:build",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_output(nested, command, snapshot):
    assert str(nested.omium(*command.replace("TESTS", str(nested.tests)).split())) == snapshot


def test_where_the_terminal_lacks_signs_plain_ones_stand_for_them(nested):
    shown = nested.omium("log", "nest", PYTHONIOENCODING="ascii")
    assert (shown.code, " > " in shown.out, "\\u" in shown.out) == (0, True, False)


def test_tasks_of_a_graph_go_by_their_nodes():
    from omium.cli._target import scope_of

    assert scope_of("node/tools.4.0@cbf21f78/inner@00000000") == ["tools", "inner"]
    assert scope_of("node/gpt-4%2E1.2.0@cbf21f78/pay.3.book.0@cbf21f78/search") == ["gpt-4.1", "pay", "search"]
    assert scope_of("node~0123456789abcdef01234567#1/search") == ["node #2", "search"]
