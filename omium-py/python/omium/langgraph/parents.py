"""What a Saver remembers of checkpoints it wrote or read, to store of the next one only what changed."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.checkpoint.serde.types import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langgraph.checkpoint.base import ChannelVersions, Checkpoint

    from omium.langgraph.convert import Address

START = "__start__"


class Parent(NamedTuple):
    """A checkpoint as the one after it needs to know it."""

    versions: ChannelVersions
    held: frozenset[str]
    seen: Mapping[str, ChannelVersions]
    sent_to: frozenset[str]

    @classmethod
    def of(cls, checkpoint: Checkpoint, kept: Sequence[str] = ()) -> Parent:
        """Copies what the caller goes on changing in place; `kept` are values it took over from its own parent."""
        values = checkpoint["channel_values"]
        return cls(
            dict(checkpoint["channel_versions"]),
            frozenset((*values, *kept)),
            {node: dict(versions) for node, versions in checkpoint["versions_seen"].items()},
            frozenset(str(send.node) for send in values.get(TASKS) or () if hasattr(send, "node")),
        )

    def unchanged(self, checkpoint: Checkpoint, new_versions: ChannelVersions) -> list[str]:
        """Channels of its successor that have the very version, hence the value, they have here.

        `new_versions` alone would not do: a copied checkpoint comes with none, and with the parent
        of its original, whose values are older. A delta channel comes without a value although its
        version, and so the snapshot kept for it, is still the same.
        """
        return [
            channel
            for channel, version in checkpoint["channel_versions"].items()
            if channel in self.held and channel not in new_versions and version == self.versions.get(channel)
        ]

    def ran(self, checkpoint: Checkpoint) -> list[str]:
        """The nodes that ran between this checkpoint and its successor, sorted."""
        pulled = {
            node
            for node, versions in checkpoint["versions_seen"].items()
            if versions != self.seen.get(node) and (node == START or not node.startswith("__"))
        }
        return sorted(pulled | self.sent_to)


class Parents:
    """The most recent parents, bounded. Every operation is atomic, so threads need no lock."""

    LIMIT = 256

    def __init__(self) -> None:
        self._known: OrderedDict[Address, Parent] = OrderedDict()

    def get(self, where: Address) -> Parent | None:
        return self._known.get(where)

    def add(self, where: Address, checkpoint: Checkpoint, kept: Sequence[str] = ()) -> None:
        self._known[where] = Parent.of(checkpoint, kept)
        if len(self._known) > self.LIMIT:
            self._known.popitem(last=False)

    def forget(self, executions: Sequence[str]) -> None:
        for where in list(self._known):
            if where.execution in executions:
                self._known.pop(where, None)


def entry_name(parent: Parent | None, checkpoint: Checkpoint, metadata: Mapping[str, Any]) -> str:
    """What the log calls a checkpoint: the nodes that ran before it, or where else it came from."""
    source = str(metadata.get("source", "checkpoint"))
    if source == "loop" and parent is not None:
        return ", ".join(parent.ran(checkpoint)) or source
    return source
