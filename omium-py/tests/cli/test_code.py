"""Loading the user's code: everything is defined, nothing is started."""

import runpy
import sys

import pytest

import omium
from omium.cli._code import load
from omium.cli._errors import CommandError

PROGRAM = """
import sys
started = []

class Order:
    pass

def work():
    return Order

if __name__ == "__main__":
    started.append(1)
if "__main__" == __name__ and len(sys.argv) > 0:
    started.append(2)
elif __name__ == "__main__":
    started.append(3)
if __name__ != "__main__":
    imported = True
def main():
    if __name__ == "__main__":
        started.append(4)
main()
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_a_script_is_loaded_as_main_but_not_started(program):
    assert load(f"{program}:started") == []
    assert load(f"{program}:imported") is True


def test_its_classes_keep_their_names(program):
    cls = load(f"{program}:work")()
    assert (cls.__module__, cls.__qualname__) == ("__main__", "Order")
    assert sys.modules["__main__"].Order is cls


def test_neighbours_of_a_script_can_be_imported(program):
    (program.parent / "neighbour_of_program.py").write_text("value = 7")
    program.write_text("from neighbour_of_program import value")
    assert load(f"{program}:value") == 7


def test_modules_and_nested_names():
    assert load("json:decoder.JSONDecoder").__name__ == "JSONDecoder"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nothing", "'nothing' names no code"),
        ("no_such_module_anywhere:f", "there is no module no_such_module_anywhere"),
        ("json:nothing", "json has no nothing"),
        ("/no/such/file.py:f", "cannot read /no/such/file.py: No such file or directory"),
    ],
)
def test_what_cannot_be_loaded_is_named(source, message, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(CommandError, match=message.replace("(", "\\(")):
        load(source)


def test_an_import_that_fails_inside_the_code_is_its_own_error(program):
    program.write_text("import no_such_module_anywhere")
    with pytest.raises(ModuleNotFoundError):
        load(f"{program}:anything")


@pytest.mark.parametrize("begins", ['work.options(id="w").start()', 'with omium.execution("w"): work()'])
def test_a_program_that_starts_as_it_is_loaded_is_refused(tmp_path, begins):
    program = tmp_path / "at_once.py"
    program.write_text(f"import omium\n@omium.workflow\ndef work():\n    return 1\n{begins}\n")
    with pytest.raises(CommandError, match="starts its work as soon as it is loaded"):
        load(f"{program}:work")
    assert omium.executions() == []


GRAPH = """
import omium
from pathlib import Path
from langgraph.graph import START, StateGraph

@omium.effect(key="order", in_doubt="retry")
def buy(order):
    with Path(__file__).with_name("bought").open("a") as ledger:
        ledger.write(order)
    return order

builder = StateGraph(dict)
builder.add_node("shop", lambda state: {"receipt": buy("7")})
builder.add_edge(START, "shop")
graph = builder.compile(checkpointer=omium.langgraph.Saver())
graph.invoke({"order": "7"}, {"configurable": {"thread_id": "t"}})
"""


@pytest.mark.parametrize("known", [False, True])
def test_a_graph_that_is_invoked_as_it_is_loaded_is_refused_before_its_nodes_run(tmp_path, known):
    program = tmp_path / "at_once.py"
    program.write_text(GRAPH)
    if known:
        runpy.run_path(str(program))
    before = [(each.status, each.head) for each in omium.executions()]
    with pytest.raises(CommandError, match="starts its work as soon as it is loaded"):
        load(f"{program}:graph")
    assert [(each.status, each.head) for each in omium.executions()] == before
    bought = tmp_path / "bought"
    assert (bought.read_text() if bought.exists() else "") == ("7" if known else "")
