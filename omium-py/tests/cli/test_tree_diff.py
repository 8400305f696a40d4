"""The structural diff: what it says of two trees, and that it says no more than that."""

import random

import pytest

from omium.view._diff import MISSING, Change, diff, lines, render
from omium.view._inspect import Typed
from omium.view._text import width_of


def message(content, key):
    return Typed("langchain_core.messages.human.HumanMessage", {"content": content, "id": key})


def changes(old, new):
    return list(diff(old, new))


def test_equal_trees_have_no_changes():
    tree = {"a": [1, 2.0, None, float("nan"), b"x", Typed("uuid.UUID", "1")], "b": {"c": "d"}}
    assert changes(tree, tree) == []


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), ("1", 1), (0.0, -0.0), (None, False), (b"a", "a")])
def test_types_count(old, new):
    assert len(changes({"x": old}, {"x": new})) == 1


def test_the_order_of_keys_does_not_count():
    assert changes({"a": 1, "b": 2}, {"b": 2, "a": 1}) == []
    assert changes([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]) == []


def test_paths_name_keys_fields_and_positions():
    old = {"plain": {"with space": [1, message("a", "1")]}}
    new = {"plain": {"with space": [1, message("b", "1")]}}
    assert [change.path for change in changes(old, new)] == ["plain['with space'][1].content"]


def test_an_insertion_at_the_front_is_one_addition():
    old = [message(f"text {n}", str(n)) for n in range(500)]
    assert changes({"messages": old}, {"messages": [message("first", "x"), *old]}) == [
        Change("messages[0]", "added", MISSING, message("first", "x"))
    ]


def test_a_removal_in_the_middle_is_one_removal():
    old = list(range(100))
    assert changes(old, old[:40] + old[41:]) == [Change("[40]", "removed", 40, MISSING)]


def test_an_edited_element_that_also_moved_is_found_again_by_its_id():
    old = [message("one", "1"), message("two", "2")]
    new = [message("zero", "0"), message("uno", "1"), message("two", "2")]
    assert changes(old, new) == [
        Change("[0]", "added", MISSING, message("zero", "0")),
        Change("[0→1].content", "changed", "one", "uno"),
    ]


def test_without_ids_the_most_alike_are_compared():
    old = ["the quick brown fox jumps", "something else entirely here"]
    new = ["brand new line", "the quick red fox jumps", "something else entirely there"]
    assert [(change.path, change.op) for change in changes(old, new)] == [
        ("[0]", "added"),
        ("[0→1]", "changed"),
        ("[1→2]", "changed"),
    ]


def test_sets_compare_by_members():
    old, new = Typed("set", [1, 2, 3]), Typed("set", [3, 2, 4])
    assert changes(old, new) == [Change("{}", "removed", 1, MISSING), Change("{}", "added", MISSING, 4)]


def test_long_lists_without_anything_in_common_stay_cheap():
    old, new = [f"a{n}" for n in range(30_000)], [f"b{n}" for n in range(30_000)]
    assert sum(1 for _ in diff(old, new)) == 30_000


@pytest.mark.parametrize("seed", range(40))
def test_applying_the_changes_of_a_list_gives_the_new_one(seed):
    draw = random.Random(seed)
    old = [draw.randrange(12) for _ in range(draw.randrange(15))]
    new = [draw.randrange(12) for _ in range(draw.randrange(15))]
    rebuilt, dropped = list(old), []
    found = changes(old, new)
    for change in found:
        source = change.path.strip("[]").partition("→")[0]
        if change.op == "removed":
            dropped.append(int(source))
        elif change.op == "changed":
            rebuilt[int(source)] = change.new
    for place in sorted(dropped, reverse=True):
        del rebuilt[place]
    for change in found:
        if change.op == "added":
            rebuilt.insert(int(change.path.strip("[]")), change.new)
    assert rebuilt == new


def test_text_shows_the_lines_that_differ(snapshot):
    old = "\n".join(f"line {n} of a long text" for n in range(40))
    new = old.replace("line 20 of", "line twenty of") + "\none more"
    assert lines({"text": old}, {"text": new}) == snapshot


def test_a_long_line_shows_the_place_where_it_differs(snapshot):
    old = "word " * 60 + "before" + " word" * 60
    assert lines({"text": old}, {"text": old.replace("before", "after")}, width=80) == snapshot


def test_everything_at_once(snapshot):
    old = {
        "messages": [message("hello", "1"), message("the weather in Lisbon is fine today, they say on the radio", "2")],
        "count": 1,
        "gone": {"a": [1, 2, 3]},
        "pair": Typed("tuple", [1, 2]),
    }
    new = {
        "messages": [
            message("hello", "1"),
            message("the weather in Porto is fine today, they say on the radio", "2"),
            message("a third message\nwith two lines", "3"),
        ],
        "count": True,
        "pair": Typed("tuple", [1]),
        "new": {"deep": {"deeper": "x" * 200}},
    }
    assert lines(old, new, width=80) == snapshot


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_asked(width):
    old = {"k" * 200: "漢字" * 300, "list": [message("é" * 500, "1")], "n": 1}
    new = {"k" * 200: "汉字" * 300, "list": [message("è" * 500, "2"), message("x", "3")], "n": list(range(400))}
    assert max(width_of(line.text) for line in render(diff(old, new), width=width)) <= width


def test_what_is_cut_is_counted():
    shown = lines({}, {f"key{n}": n for n in range(100)}, limit=10)
    assert len(shown) == 11
    assert shown[-1] == "… 90 more changes not shown"
    assert len(lines({}, {f"key{n}": n for n in range(100)}, limit=1000)) == 100


def test_a_value_of_many_lines_is_cut_too():
    shown = [line.text for line in render(diff({}, {"text": "\n".join("ab" * 50)}), limit=40)]
    assert len(shown) == 6
    assert shown[-1].endswith("more lines")
    whole = [line.text for line in render(diff({}, {"text": "\n".join("ab" * 50)}), limit=None)]
    assert len(whole) == 102


def test_512_levels_deep():
    old, new = 1, 2
    for _ in range(250):
        old, new = [{"k": old}], [{"k": new}]
    (change,) = changes(old, new)
    assert change.path.count("k") == 30
    assert len(lines(old, new)) > 1
