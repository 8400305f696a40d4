"""The native half of omium: the store, the live run and the codec, in Rust.

Private: import the public names from `omium`. Every method that touches the
disk releases the GIL, and every failure is an exception of `omium.exceptions`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, final

__all__ = [
    "Cel",
    "CheckReport",
    "Claim",
    "ElementCache",
    "Entry",
    "Execution",
    "PrunePlan",
    "RollbackPlan",
    "Run",
    "Schema",
    "Seen",
    "State",
    "Store",
    "Value",
    "Write",
    "__version__",
    "decode",
    "digest",
    "encode",
]

__version__: str

Kind = Literal["step", "effect", "llm", "tool", "state", "signal", "timer", "note"]
Status = Literal["running", "waiting", "completed", "failed", "cancelled"]
Standing = Status | Literal["ready", "orphaned"]
"""What users see: the status, and of a running one that nobody runs, whether its owner died. Never stored."""
Blob = tuple[str, bytes]
"""A codec name ("msgpack", "json", "raw", "pickle", or a host's own label) and the encoded bytes."""

@final
class Value:
    """A recorded value: read lazily, hashed again on every read."""

    @property
    def codec(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def digest(self) -> bytes:
        """32 bytes of blake3 over the encoded bytes; equal digests mean equal values."""
    def read(self) -> bytes:
        """The encoded bytes, exactly as written. Raises StoreCorrupted when they are not."""

@final
class Entry:
    """One immutable record of an execution's log, addressed `EXEC@SEQ`."""

    @property
    def execution(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def parent(self) -> int:
        """The seq this entry continues from; 0 is the beginning."""
    @property
    def kind(self) -> Kind: ...
    @property
    def status(self) -> Literal["done", "failed", "intent"]:
        """`intent` is an effect that began; its receipt is a later entry with the same address."""
    @property
    def name(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def occurrence(self) -> int: ...
    @property
    def prev(self) -> int:
        """The seq its own strand (thread or task) had reached when it began."""
    @property
    def spawned(self) -> bool: ...
    @property
    def path(self) -> str:
        """The scope of what it called."""
    @property
    def live(self) -> bool:
        """Whether it lies on the lineage of the head (false: a rollback left it behind)."""
    @property
    def created_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
    @property
    def duration_ms(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """Encoded size of the value and the named state values."""
    @property
    def value(self) -> Value | None: ...
    @property
    def input(self) -> Value | None: ...
    @property
    def meta(self) -> Value | None: ...
    @property
    def values(self) -> dict[str, Value]:
        """The named state values (a LangGraph channel each); empty for a step."""
    @property
    def error(self) -> str | None:
        """`Class: message` of a failed entry."""
    @property
    def usage(self) -> dict[str, int]:
        """Counters such as input_tokens, output_tokens, cost_nano_usd, latency_ms."""
    def is_accounted_for(self) -> bool:
        """Of an open intent: whether it asks nothing of anybody, as what it came to is known."""

@final
class Execution:
    """What the store knows of one execution at the time of the call."""

    @property
    def id(self) -> str: ...
    @property
    def workflow(self) -> str: ...
    @property
    def status(self) -> Standing: ...
    @property
    def orphaned(self) -> bool:
        """Whoever ran it died."""
    @property
    def head(self) -> int: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def updated_ms(self) -> int: ...
    @property
    def forked_from(self) -> tuple[str, int] | None: ...
    @property
    def owner(self) -> str | None:
        """Who holds the lease, as `host:pid`; None when nobody alive does."""
    @property
    def source(self) -> str | None:
        """Where the code is, as the caller of begin named it (`file.py:function`)."""
    @property
    def input(self) -> Value | None: ...
    @property
    def result(self) -> Value | None: ...
    @property
    def error(self) -> str | None: ...

@final
class Claim:
    """A place in the record taken by one running piece of code.

    Exactly one of: `recorded` holds the outcome (do not run the body), `intent` holds an effect in
    doubt, or both are None and the body runs. Finish with Run.commit, Run.fail or Run.abandon.
    """

    @property
    def scope(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def occurrence(self) -> int: ...
    @property
    def path(self) -> str:
        """The scope for whatever this code calls in turn."""
    @property
    def recorded(self) -> Entry | None:
        """Done: return its value. Failed: the code handled that failure then; raise it again."""
    @property
    def intent(self) -> Entry | None: ...
    @property
    def landed(self) -> int | None: ...

@final
class Run:
    """The live handle of one execution; it owns the lease. Safe to use from many threads."""

    @property
    def id(self) -> str: ...
    @property
    def workflow(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def mode(self) -> Literal["live", "record"]:
        """`record`: the execution is finished or being replayed; what is not recorded raises Divergence."""
    @property
    def epoch(self) -> int:
        """How many rollbacks the execution had when the run began."""
    @property
    def taken_from(self) -> str | None:
        """`host:pid` of the process that died with this execution's lease; None when none did."""
    @property
    def usage(self) -> dict[str, int]:
        """Counters summed over every entry of the log, those rollbacks left behind and those of this run
        included: what was paid stays paid."""
    @property
    def resumed(self) -> bool:
        """Whether there was anything recorded when it began."""
    @property
    def input(self) -> Value | None: ...
    @property
    def recorded(self) -> int:
        """Entries on the live lineage when the run began."""
    @property
    def replayed(self) -> int:
        """Entries answered from the record so far."""
    @property
    def ran(self) -> int:
        """Entries committed by this handle so far."""
    def claim(self, kind: Kind, scope: str, name: str, digest: bytes, *, prev: int = 0, spawned: bool = False) -> Claim:
        """Takes the next place for (scope, name, digest).

        `prev` is the seq the caller's strand has reached, `spawned` says that this is the first claim
        of a new thread or task. Raises Divergence, before anything ran, when the record holds another
        entry at this point of the same strand; its attributes seq, expected and found name both.
        """
    def claim_at(self, seq: int) -> Claim:
        """The place of that recorded entry, taken again: `intent` or `recorded` is the last live entry there.

        For settling an intent from outside the program, such as an answer to a question.
        """
    def commit(
        self,
        claim: Claim,
        value: Blob,
        *,
        input: Blob | None = None,
        meta: Blob | None = None,
        usage: dict[str, int] | None = None,
        attempts: int = 1,
        started_ms: int | None = None,
    ) -> int:
        """Records the outcome; returns its seq when it is as durable as the store was asked to be."""
    def intend(self, claim: Claim, *, input: Blob | None = None, meta: Blob | None = None) -> int:
        """Records that an effect is about to begin. Always strict (I9)."""
    def fail(
        self,
        claim: Claim,
        error: str,
        *,
        value: Blob | None = None,
        input: Blob | None = None,
        meta: Blob | None = None,
        usage: dict[str, int] | None = None,
        attempts: int = 1,
        started_ms: int | None = None,
    ) -> int:
        """Records a failure and gives the occurrence back: the same call claims the same place again."""
    def doubt(self, intent: Entry) -> Literal["own", "taken", "anew"]:
        """Whose effect an open intent is about: this execution's; that of the original of a fork; nobody's any more.

        Raises InDoubt while the execution that began it is being run.
        """
    def abandon(self, claim: Claim) -> None:
        """Gives the place back without a record."""
    def checkpoint(self, name: str, value: Blob, *, scope: str = "", prev: int = 0, meta: Blob | None = None) -> int:
        """Records a named state of the caller's choosing; recorded before: returns that seq."""
    def complete(self, result: Blob | None) -> None: ...
    def fail_run(self, error: str, ended_by: Sequence[int] = ...) -> None:
        """Ends the run as failed. `ended_by` are the failures on record that led to it: resuming tries them
        again, even if parallel strands went on recording after them."""
    def wait(self, reason: str) -> None:
        """Sets the status to waiting and releases the lease."""
    def release(self) -> None:
        """Gives the lease back; the execution stays as it is. Idempotent."""
    def restart(self, scope: str) -> None:
        """Forgets what was claimed in `scope` and below: code that runs there again is answered from the
        record again, entries of this very run included."""
    def consumed(self, seq: int) -> bool:
        """Whether that recorded entry was answered to the code in this run."""
    def unasked_before(self, scope: str, seq: int) -> bool:
        """Whether strands that ran beside each other there have not asked yet for something recorded before `seq`."""
    def overlook(self, scope: str, seq: int) -> None: ...

@final
class Write:
    """A value a task of a host framework produced before its checkpoint."""

    @property
    def task(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def channel(self) -> str: ...
    @property
    def value(self) -> Value: ...

@final
class State:
    """An entry of kind `state` as a host framework sees it: keyed by its own id within a scope."""

    @property
    def execution(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def scope(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def parent_key(self) -> str | None: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def body(self) -> Value: ...
    @property
    def meta(self) -> Value: ...
    @property
    def values(self) -> dict[str, Value]: ...
    @property
    def writes(self) -> list[Write]:
        """Pending writes, sorted by (path, task, index)."""

@final
class RollbackPlan:
    """What a rollback would do; nothing has happened yet."""

    @property
    def execution(self) -> str: ...
    @property
    def to(self) -> int: ...
    @property
    def head(self) -> int: ...
    @property
    def falls(self) -> list[Entry]:
        """Entries that leave the live lineage, newest first."""

@final
class PrunePlan:
    """What a prune would remove; nothing has happened yet."""

    @property
    def executions(self) -> list[str]:
        """Executions that go as a whole."""
    @property
    def entries(self) -> list[tuple[str, list[int]]]:
        """Entries that go from executions that stay."""
    @property
    def entry_count(self) -> int: ...

@final
class CheckReport:
    """What check found."""

    @property
    def ok(self) -> bool: ...
    @property
    def executions(self) -> int: ...
    @property
    def entries(self) -> int: ...
    @property
    def values(self) -> int: ...
    @property
    def chunks(self) -> int: ...
    @property
    def problems(self) -> list[str]:
        """One sentence each: what is damaged, where, and what is lost by it."""
    @property
    def notes(self) -> list[str]:
        """Harmless findings, such as an orphan segment file that gc will remove."""

@final
class Seen:
    """What an invocation of a host framework saw of an execution when it began, and what it saved since."""

    @property
    def leased_once(self) -> bool: ...
    @property
    def newest(self) -> str | None: ...
    def runs_from(self, key: str) -> None: ...

@final
class Store:
    """One store directory. Stores of one directory share everything within a process."""

    def __new__(cls, path: str, *, durability: str = "strict", create: bool = True, read_only: bool = False) -> Store:
        """Opens, and creates the directory unless told not to.

        `durability` is "strict", "process" or "batch(MS)".
        """
    @property
    def path(self) -> str: ...
    @property
    def durability(self) -> str: ...
    @property
    def journal(self) -> Literal["wal", "delete"]:
        """`delete` on a network file system, where a write-ahead log is unsafe."""
    def close(self) -> None:
        """Drops this handle; the last one in the process closes the files. Idempotent."""
    def begin(
        self,
        workflow: str,
        id: str,
        *,
        input: Blob | None = None,
        source: str | None = None,
        mode: Literal["live", "record", "attach", "enter"] = "live",
    ) -> Run:
        """Begins, or resumes and takes the lease. Raises LeaseHeld when somebody alive holds it.

        On a finished execution, or with mode="record", the run answers from the record only, takes no
        lease and writes nothing. mode="attach" takes the lease whatever the status and leaves the status
        alone: for work beside the workflow itself, such as compensations and answers. mode="enter" is the same for
        an invocation of a host framework, and refused when the execution was cancelled.
        """
    def observe(self, id: str) -> Seen:
        """What an invocation that begins now builds on. Refused while somebody alive runs it."""
    def join(self, workflow: str, seen: Seen) -> Run:
        """Takes the lease for an invocation that has begun, unless somebody had it meanwhile or saved a newer state."""
    def execution(self, id: str) -> Execution: ...
    def executions(
        self,
        *,
        workflow: str | None = None,
        status: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
    ) -> list[Execution]:
        """Newest first."""
    def entry(self, id: str, seq: int) -> Entry: ...
    def entries(self, id: str, *, all: bool = False, after: int = 0, limit: int | None = None) -> list[Entry]:
        """In seq order, the live lineage only unless `all`."""
    def cancel(self, id: str) -> None:
        """Ends the execution and fences whoever runs it."""
    def plan_rollback(self, id: str, to: int) -> RollbackPlan: ...
    def rollback(self, id: str, to: int, head: int | None = None) -> RollbackPlan:
        """Moves the head; erases nothing; does nothing when the head is there already.

        Given `head`, Fenced is raised when it is somewhere else by now.
        """
    def fork(
        self, id: str, at: int, new_id: str, *, edits: Sequence[tuple[int, Blob]] = ..., abandon_effects: bool = False
    ) -> Execution:
        """Copies the lineage up to `at`; an edit replaces the value recorded at that seq in the fork only.

        Raises InDoubt when effects after `at` are in doubt, unless they are abandoned.
        """
    def delete(self, id: str) -> bool:
        """Raises LeaseHeld while somebody alive runs it."""
    def delete_running(self, id: str) -> bool:
        """Deletes it though somebody alive runs it, and fences them."""
    def copy(self, id: str, new_id: str) -> None:
        """Copies every live entry and pending write under another id."""
    def put_state(
        self,
        execution: str,
        scope: str,
        key: str,
        parent: str | None,
        *,
        name: str,
        body: Blob,
        meta: Blob,
        values: Sequence[tuple[str, str, bytes]],
        keep: Sequence[str] = ...,
        group: str | None = None,
        whole: bool = True,
        status: Status | None = None,
        by: Seen | Run | None = None,
        workflow: str = "langgraph",
    ) -> list[str]:
        """Records a state entry; the same (scope, key) again supersedes the earlier one.

        `whole` is False when the state can only be read together with its ancestors (a delta channel
        without its snapshot): pruning keeps them for it.
        `status` None leaves the execution's status as it is; a status that pending writes of the same
        (scope, key) brought along wins.

        `values` are (name, codec, bytes); `keep` names values taken over unchanged from the parent.
        `by` is the invocation that saves it, None an edit from outside. Raises LeaseHeld while somebody else alive has
        the lease, Fenced when somebody had it since the invocation began.
        Returns [] when committed, else the names in `keep` the parent does not have: nothing was
        written, call again with their values.
        """
    def put_writes(
        self,
        execution: str,
        scope: str,
        key: str,
        task: str,
        path: str,
        writes: Sequence[tuple[int, str, str, bytes]],
        *,
        replace: bool,
        status: Status | None = None,
        by: Seen | Run | None = None,
        workflow: str = "langgraph",
    ) -> None:
        """Records (index, channel, codec, bytes) of a task; needs no state with that key to exist.

        An index recorded before is kept, or replaced when `replace`. `by` is as for `put_state`.
        """
    def get_state(self, execution: str, scope: str, key: str | None = None) -> State | None:
        """The state with that key (live if there is one), or the live one with the greatest key."""
    def list_states(
        self, execution: str | None, *, scope: str | None = None, before: str | None = None, limit: int | None = None
    ) -> list[State]:
        """Live states by descending key; `before` is exclusive. Values are read lazily."""
    def delete_states(self, execution: str, keys: Sequence[tuple[str, str]]) -> int:
        """Removes states by (scope, key) with their pending writes; the execution stays."""
    def group_states(self, group: str) -> list[tuple[str, str, str]]:
        """(execution, scope, key) of every state recorded with that group (a LangGraph run_id)."""
    def plan_prune(
        self,
        *,
        keep_last: int | None = None,
        older_than_ms: int | None = None,
        abandoned: bool = False,
        execution: str | None = None,
    ) -> PrunePlan:
        """`keep_last`: states kept per execution and scope; `older_than_ms`: age after which finished
        executions go as a whole; `abandoned`: what rollbacks left behind."""
    def prune(self, plan: PrunePlan, progress: Callable[[int, int], None] | None = None) -> int:
        """Removes what the plan names and nothing else; returns the entries removed. Progress counts executions."""
    def gc(self, progress: Callable[[int, int], None] | None = None) -> tuple[int, int]:
        """Removes what nothing reaches. Returns (chunks removed, bytes given back to the disk)."""
    def check(self, *, full: bool = False, progress: Callable[[int, int], None] | None = None) -> CheckReport: ...
    def backup(self, directory: str, progress: Callable[[int, int], None] | None = None) -> tuple[int, CheckReport]:
        """Copies the store, which may be in use, to a new or empty directory; the bytes, and the check of the copy."""
    def export(self, id: str, path: str) -> int:
        """Writes an execution with its whole history to one file; returns its size in bytes."""
    def import_(self, path: str, new_id: str | None = None) -> Execution:
        """Reads such a file into this store, under another id if one is given."""
    def stats(self) -> dict[str, int]:
        """executions, entries, values, chunks, disk_bytes, logical_bytes, format."""

@final
class ElementCache:
    """Decodes msgpack lists and keeps each distinct object element once.

    A history of N states of one growing list then holds every element once, not N times.
    """

    def __new__(cls, decode: Callable[[bytes], Any]) -> ElementCache: ...
    def decode(self, data: bytes) -> Any:
        """The decoded value; elements of a top-level list that are extension objects are shared."""

@final
class Cel:
    """A condition in the Common Expression Language, compiled once. It can only compute."""

    def __new__(cls, expression: str) -> Cel:
        """Raises InvalidInput with the line and column of the first error."""
    @property
    def expression(self) -> str: ...
    @property
    def names(self) -> list[str]:
        """The variables it takes from outside, sorted."""
    def evaluate(self, variables: dict[str, Any]) -> bool:
        """Whether it holds for plain values: None, bool, int, float, str, bytes, list and dict.

        Raises InvalidInput when it cannot tell: a field that is missing, types that do not go together.
        """

@final
class Schema:
    """A condition as a JSON Schema, compiled once. It refers to nothing outside itself."""

    def __new__(cls, schema: dict[str, Any]) -> Schema:
        """Raises InvalidInput when it is none."""
    def failures(self, value: Any, *, limit: int = 10) -> list[tuple[str, str]]:
        """(JSON pointer, what is wrong there) of what a plain value breaks; none when it conforms."""

def encode(value: Any, reduce: Callable[[Any], tuple[int, Any] | None], *, canonical: bool = False) -> bytes:
    """msgpack of None, bool, int, float, str, bytes, list and dict (exact types).

    Everything else goes to `reduce`, which answers (extension code 0-127, payload to encode in turn) or
    None: then NotSerializable is raised with the path to the value. `canonical` sorts the keys of
    dicts, for digests.
    """

def decode(data: bytes, revive: Callable[[int, Any], Any]) -> Any:
    """Undoes encode. `revive` gets the extension code and its decoded payload.

    Raises ValueError on bytes that are not one complete value, and beyond 512 levels.
    """

def digest(data: bytes) -> bytes:
    """16 bytes of blake3."""
