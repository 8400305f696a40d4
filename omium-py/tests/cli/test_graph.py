"""The drawing of `omium log --graph`, for the shapes that rollbacks leave."""

import pytest

from omium.cli._graph import Node, lay_out

SHAPES = {
    "a straight line": ([(1, 0), (2, 1), (3, 2)], {1, 2, 3}, 3),
    "one rollback": ([(1, 0), (2, 1), (3, 2), (4, 3), (5, 2), (6, 5)], {1, 2, 5, 6}, 6),
    "a rollback with nothing after it": ([(1, 0), (2, 1), (3, 2)], {1}, 1),
    "back to the beginning": ([(1, 0), (2, 1), (3, 0), (4, 3)], {3, 4}, 4),
    "three times from the same place": ([(1, 0), (2, 1), (3, 1), (4, 1)], {1, 4}, 4),
    "a rollback within what was left behind": (
        [(1, 0), (2, 1), (3, 2), (4, 3), (5, 2), (6, 5), (7, 1), (8, 7)],
        {1, 7, 8},
        8,
    ),
    "lineages that interleave": ([(1, 0), (2, 1), (3, 1), (4, 2), (5, 3), (6, 2), (7, 4)], {1, 3, 5}, 5),
    "the last entries only": ([(7, 6), (8, 7), (9, 7)], {7, 9}, 9),
    "the older child is the live one": ([(1, 0), (2, 1), (3, 1)], {1, 2}, 2),
    "nothing": ([], set(), 0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shape(shape, snapshot):
    edges, live, head = SHAPES[shape]
    rows = list(lay_out([Node(seq, parent, seq in live) for seq, parent in edges], head))
    assert "\n".join(f"{row.lines:<10}{row.seq if row.seq is not None else ''}".rstrip() for row in rows) == snapshot
    assert sorted(row.seq for row in rows if row.seq) == [seq for seq, _ in edges]


def test_ten_thousand_entries_in_a_line():
    rows = list(lay_out([Node(n, n - 1, True) for n in range(1, 10_001)], 10_000))
    assert len(rows) == 10_000
