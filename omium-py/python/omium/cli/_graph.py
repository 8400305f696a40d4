"""The log as a tree: the live lineage on the left, what rollbacks left behind beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium.cli._lines import Line
from omium.cli._status import ENTRY_HEADER, entry_row, show_table
from omium.cli._terminal import Cell, Terminal, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from omium._omium import Entry, Execution, Store

__all__ = ["Node", "Row", "draw", "lay_out"]

_ASCII = str.maketrans("│├─╮┬┼○●×◇←⑂", "||-\\--o@xo<Y")


class Node(NamedTuple):
    """An entry as far as the shape of the tree goes."""

    seq: int
    parent: int
    live: bool


class Row(NamedTuple):
    """One line: the drawing before it, and the seq of the node it shows (None: only lines)."""

    lines: str
    seq: int | None


def lay_out(nodes: Iterable[Node], head: int) -> Iterator[Row]:
    """The lines of the tree from oldest to newest.

    A column waits for one seq. Where a node has several children the live one keeps the column (else the
    newest), and each other opens a column to the right of it.
    """
    known = {node.seq: node for node in nodes}
    children: dict[int, list[Node]] = {}
    for node in known.values():
        children.setdefault(node.parent if node.parent in known else 0, []).append(node)
    columns: list[int | None] = []
    start = Node(0, 0, True)
    order = [node for _, node in sorted(known.items())]
    if len(children.get(0, ())) > 1:
        order.insert(0, start)
        columns = [0]
    elif order:
        columns = [order[0].seq]
    for node in order:
        place = columns.index(node.seq)
        yield Row(_across(columns, place, _symbol(node, head)), node.seq)
        heirs = sorted(children.get(node.seq, ()), key=lambda child: (child.live, child.seq))
        if not heirs:
            columns[place] = None
            while columns and columns[-1] is None:
                columns.pop()
            continue
        columns[place] = heirs.pop().seq
        opened = [_open(columns, place, child.seq) for child in heirs]
        if opened:
            yield Row(_branch(columns, place, opened), None)


def _symbol(node: Node, head: int) -> str:
    if node.seq == 0:
        return "◇"
    if node.seq == head:
        return "●"
    return "○" if node.live else "×"


def _open(columns: list[int | None], place: int, seq: int) -> int:
    for free in range(place + 1, len(columns)):
        if columns[free] is None:
            columns[free] = seq
            return free
    columns.append(seq)
    return len(columns) - 1


def _across(columns: list[int | None], place: int, symbol: str) -> str:
    cells = [" " if waits is None else "│" for waits in columns]
    cells[place] = symbol
    return " ".join(cells).rstrip()


def _branch(columns: list[int | None], place: int, opened: list[int]) -> str:
    cells = []
    last = max(opened)
    for column, waits in enumerate(columns):
        inside = place < column < last
        if column == place:
            cell = "├"
        elif column == last:
            cell = "╮"
        elif column in opened:
            cell = "┬"
        elif waits is None:
            cell = "─" if inside else " "
        else:
            cell = "┼" if inside else "│"
        cells.append(cell + ("─" if place <= column < last else " "))
    return "".join(cells).rstrip()


def draw(store: Store, execution: Execution, entries: list[Entry], terminal: Terminal) -> None:
    """Prints the tree with one line an entry, forks and the head named beside it."""
    forks: dict[int, list[Execution]] = {}
    for other in store.executions():
        if other.forked_from and other.forked_from[0] == execution.id:
            forks.setdefault(other.forked_from[1], []).append(other)
    by_seq = {entry.seq: entry for entry in entries}
    nodes = [Node(entry.seq, entry.parent, entry.live) for entry in entries]
    table: list[tuple[Cell, ...]] = []
    for row in lay_out(nodes, execution.head):
        lines: Cell = (_encodable(row.lines, terminal), "cyan")
        if row.seq is None:
            table.append((lines, *[""] * (len(ENTRY_HEADER) + 1)))
        elif row.seq == 0:
            table.append((lines, "", ("the beginning", "dim"), *[""] * (len(ENTRY_HEADER) - 1)))
        else:
            remarks = ", ".join(_remarks(execution, row.seq, forks.get(row.seq, ())))
            table.append((lines, *entry_row(Line(by_seq[row.seq])), (_encodable(remarks, terminal), "cyan")))
    show_table(terminal, table, lead=("",), tail=("",))


def _remarks(execution: Execution, seq: int, forks: Iterable[Execution]) -> Iterator[str]:
    if seq == execution.head:
        yield "← head"
    if execution.forked_from and execution.forked_from[1] == seq:
        yield f"← shared with {visible(execution.forked_from[0])} up to here"
    for fork in forks:
        yield f"⑂ {visible(fork.id)}"


def _encodable(text: str, terminal: Terminal) -> str:
    return text if terminal.unicode else text.translate(_ASCII)
