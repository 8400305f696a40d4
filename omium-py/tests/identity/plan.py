"""What a generated program does: a tree of calls, made of a number."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

NAMES = ("ada", "ben", "cy")
SIZE = 14


class Node(NamedTuple):
    """One thing a program does. `what` is the name of a method of Program."""

    what: str
    children: tuple[Node, ...] = ()
    label: str = ""
    number: int = 0


ALONE = (
    *("plain", "plain", "method", "hooked", "changed", "grown", "failing", "again"),
    *("effect", "keyed", "opaque", "sent", "beside"),
)
"""Calls with nothing below, by the name of what makes them."""
PARALLEL = {
    "sync": ("pool_map", "pool_completed", "threads"),
    "async": ("gather", "completed", "first", "workers", "to_thread", "executor"),
}
ORDERED = {"pool_map", "threads", "gather", "to_thread", "executor"}
"""Whose results are in an order of their own."""


class Plan(NamedTuple):
    """A whole program."""

    number: int
    is_async: bool
    root: Node
    nested: dict[str, Node]
    """What nested steps do, by their argument."""

    @property
    def features(self) -> set[str]:
        found: set[str] = set()

        def visit(node: Node) -> None:
            found.add(node.what)
            for each in node.children:
                visit(each)

        visit(self.root)
        for each in self.nested.values():
            visit(each)
        return found

    @property
    def takes_what_completes(self) -> bool:
        """Whether it goes on by what ends first in threads; their order may be lost: then it may be refused."""
        return "pool_completed" in self.features


def plan(number: int) -> Plan:
    """The same number makes the same program, in every process."""
    chance = random.Random(number)
    nested: dict[str, Node] = {}
    is_async = chance.random() < 0.6
    left = SIZE

    def alone() -> Node:
        nonlocal left
        left -= 1
        return Node(chance.choice(ALONE), label=chance.choice(NAMES), number=chance.randrange(3))

    def branch(depth: int, *, here_async: bool) -> Node:
        """What one strand does."""
        nonlocal left
        if depth > 2 or left <= 0 or chance.random() < 0.55:
            return alone()
        draw = chance.random()
        if draw < 0.3:
            return Node("in_turn", tuple(branch(depth + 1, here_async=here_async) for _ in range(chance.randint(2, 3))))
        if draw < 0.4:
            return Node("loop", (alone(),), number=chance.randint(2, 3))
        if draw < 0.6:
            name = f"n{len(nested)}"
            nested[name] = Node("in_turn")
            inner = tuple(branch(depth + 1, here_async=here_async) for _ in range(chance.randint(1, 2)))
            nested[name] = Node("in_turn", inner)
            return Node("nested", label=name)
        return parallel(depth, here_async=here_async)

    def parallel(depth: int, *, here_async: bool) -> Node:
        kinds = PARALLEL["async" if here_async else "sync"]
        kind = chance.choice(kinds)
        if kind in ("completed", "first", "pool_completed"):
            # Those whose results differ: the program goes on by which came.
            children = tuple(
                Node("plain", label=name, number=n) for n, name in enumerate(NAMES[: chance.randint(2, 3)])
            )
        elif kind == "workers":
            children = tuple(Node("plain", label=chance.choice(NAMES), number=n) for n in range(chance.randint(3, 4)))
        else:
            inner_async = kind == "gather"
            children = tuple(branch(depth + 1, here_async=inner_async) for _ in range(chance.randint(2, 3)))
        return Node(kind, children, label=chance.choice(NAMES))

    parts: list[Node] = []
    while left > 0 and len(parts) < 5:
        parts.append(branch(0, here_async=is_async))
    if not any(each.what in PARALLEL["async" if is_async else "sync"] for each in parts):
        parts.append(parallel(0, here_async=is_async))
    return Plan(number, is_async, Node("in_turn", tuple(parts)), nested)


def size(value: Any) -> int:
    return len(repr(value))
