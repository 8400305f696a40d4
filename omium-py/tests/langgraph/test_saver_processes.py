"""Files, processes and life cycle: when a store opens, what stays open, fork, kill."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph_support import checkpoint, config

import omium
from omium._omium import Store
from omium.langgraph import Saver

HERE = Path(__file__).parent


def open_files(directory: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            continue
    return [path for path in found if path.startswith(str(directory))]


def test_nothing_is_opened_or_made_before_the_first_use(directory: Path) -> None:
    saver = Saver(directory / "deep" / "er")
    with saver:
        pass
    assert not directory.exists()
    assert saver.get_tuple(config()) is None
    assert (directory / "deep" / "er").is_dir()


def test_importing_and_making_a_saver_touches_no_file(tmp_path: Path) -> None:
    code = "import omium.langgraph; omium.langgraph.Saver(); import os; assert os.listdir() == [], os.listdir()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_hundreds_left_unclosed_leak_no_file_handles(directory: Path) -> None:
    where = Saver(directory).put(config(), checkpoint({"a": 1}), {}, {"a": 1})
    kept = Saver(directory)
    assert kept.get_tuple(where) is not None
    before = len(open_files(directory))
    savers = []
    for number in range(300):
        saver = Saver(directory)
        saver.put(config(str(number)), checkpoint({"a": number}), {}, {"a": 1})
        savers.append(saver)
    assert len(open_files(directory)) <= before + 2
    del savers, saver
    gc.collect()
    assert len(open_files(directory)) <= before + 2
    kept.close()


def test_the_last_one_closed_lets_every_file_go(directory: Path) -> None:
    first, second = Saver(directory), Saver(directory)
    for saver in (first, second):
        saver.put(config(), checkpoint({"a": 1}), {}, {"a": 1})
    first.close()
    assert open_files(directory) != []
    second.close()
    assert open_files(directory) == []


def test_a_closed_saver_opens_again(saver: Saver) -> None:
    with saver:
        saver.put(config(), checkpoint({"a": 1}), {}, {"a": 1})
    assert saver.get_tuple(config()) is not None

    async def run() -> CheckpointTuple | None:
        async with saver:
            await saver.aput(config(), checkpoint({"a": 2}), {}, {"a": 2})
        return await saver.aget_tuple(config())

    assert asyncio.run(run()) is not None


def test_the_directory_may_be_given_in_several_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = tmp_path / "named"
    for store in ("named", named, Store(str(named))):
        saver = Saver(store)  # type: ignore[arg-type]
        saver.put(config(), checkpoint({"a": 1}), {}, {"a": 1})
    assert len([*Saver(str(named)).list(None)]) == 3
    omium.init()
    monkeypatch.setenv("OMIUM_STORE", str(tmp_path / "environment"))
    Saver().put(config(), checkpoint({"a": 1}), {}, {"a": 1})
    assert (tmp_path / "environment").is_dir()
    monkeypatch.delenv("OMIUM_STORE")
    Saver().put(config(), checkpoint({"a": 1}), {}, {"a": 1})
    assert (tmp_path / ".omium").is_dir()
    with pytest.raises(omium.InvalidInput, match="path"):
        Saver(7)  # type: ignore[arg-type]


def test_a_relative_path_means_the_directory_the_saver_was_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    saver = Saver("store")
    monkeypatch.chdir(tmp_path)
    saver.put(config(), checkpoint(), {}, {})
    assert (tmp_path / "a" / "store").is_dir()


def test_durability_reaches_the_store(directory: Path) -> None:
    saver = Saver(directory, durability="process")
    assert saver._link.store.durability == "process"
    with pytest.raises(omium.InvalidInput):
        Saver(directory, durability="sometimes").get_tuple(config())


def test_a_directory_that_is_no_store_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(omium.NotAStore, match=str(tmp_path)):
        Saver(tmp_path).get_tuple(config())


def test_a_shallow_copy_with_another_allow_list_is_the_same_store(directory: Path, put: Any) -> None:
    strict = Saver(directory, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    clone = strict.with_allowlist([("test_saver_processes", "Thing")])
    assert clone is not strict
    where = clone.put(config(), checkpoint({"a": Thing(1)}), {}, {"a": 1})
    allowed, blocked = clone.get_tuple(where), strict.get_tuple(where)
    assert allowed is not None
    assert blocked is not None
    assert allowed.checkpoint["channel_values"]["a"] == Thing(1)
    assert blocked.checkpoint["channel_values"]["a"] == {"n": 1}
    assert [item.checkpoint["channel_values"]["a"] for item in strict.list(config())] == [{"n": 1}]
    assert copy.copy(strict).get_tuple(where) == blocked


@dataclasses.dataclass
class Thing:
    n: int


def test_strict_msgpack_of_langgraph_is_respected(directory: Path) -> None:
    code = f"""
import sys, uuid
sys.path.insert(0, {str(HERE)!r})
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph
from omium.langgraph import Saver
from test_saver_processes import Thing
from langgraph_support import checkpoint, config
class State(TypedDict):
    thing: Thing
    loose: object
builder = StateGraph(State)
builder.add_node("a", lambda state: {{"thing": Thing(2), "loose": uuid.UUID(int=3)}}).add_edge(START, "a")
app = builder.compile(checkpointer=Saver({str(directory)!r}))
app.invoke({{"thing": Thing(1)}}, config())
assert app.get_state(config()).values == {{"thing": Thing(2), "loose": uuid.UUID(int=3)}}
assert [s.values.get("thing") for s in app.get_state_history(config())] == [Thing(2), Thing(1), None]
raw = Saver({str(directory)!r}).get_tuple(config())
assert raw.checkpoint["channel_values"]["thing"] == {{"n": 2}}
"""
    environment = {**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_it_may_be_subclassed(directory: Path) -> None:
    class Loud(Saver):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.calls: list[str] = []

        def get_tuple(self, config: Any) -> CheckpointTuple | None:
            self.calls.append("get_tuple")
            return super().get_tuple(config)

        def list(self, *arguments: Any, **options: Any) -> Any:
            self.calls.append("list")
            return super().list(*arguments, **options)

    async def run(saver: Loud) -> None:
        await saver.aget_tuple(config())
        assert [item async for item in saver.alist(config())] == []

    with Loud(directory) as saver:
        asyncio.run(run(saver))
        assert saver.calls == ["get_tuple", "list"]


def test_many_threads_share_a_saver(saver: Saver) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            where = config(f"t{number}")
            for step in range(20):
                saved = checkpoint({"n": step, "same": "x" * 2000}, {"n": step + 1, "same": 1})
                saver.put_writes(config(f"t{number}", saved["id"]), [("n", step)], "task")
                where = saver.put(where, saved, {"source": "loop", "step": step}, {"n": step + 1})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for number in range(8):
        found = [*saver.list(config(f"t{number}"))]
        assert [item.checkpoint["channel_values"]["n"] for item in found] == [*range(19, -1, -1)]
        assert all(item.checkpoint["channel_values"]["same"] == "x" * 2000 for item in found)
        assert [item.pending_writes for item in found] == [[("task", "n", n)] for n in range(19, -1, -1)]


def test_it_survives_the_fork_of_its_process(saver: Saver, directory: Path) -> None:
    saver.put(config(), checkpoint({"a": "parent"}), {}, {"a": 1})
    child = os.fork()
    if child == 0:
        try:
            found = saver.get_tuple(config())
            assert found is not None
            saver.put(config("child"), checkpoint({"a": "child"}), {}, {"a": 1})
            os._exit(0)
        except BaseException:
            os._exit(1)
    saver.put(config("meanwhile"), checkpoint({"a": "meanwhile"}), {}, {"a": 1})
    assert os.waitpid(child, 0)[1] == 0
    threads = {item.config["configurable"]["thread_id"] for item in saver.list(None)}
    assert threads == {"t", "child", "meanwhile"}
    assert Store(str(directory)).check(full=True).problems == []


def test_two_processes_write_at_once(directory: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from omium.langgraph import Saver
from langgraph_support import checkpoint, config
saver, thread = Saver({str(directory)!r}), sys.argv[1]
where = config(thread)
for step in range(30):
    where = saver.put(where, checkpoint({{"n": step}}, {{"n": step + 1}}), {{"source": "loop"}}, {{"n": step + 1}})
"""
    running = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("one", "two", "three")]
    assert [process.wait() for process in running] == [0, 0, 0]
    with Saver(directory) as saver:
        for name in ("one", "two", "three"):
            assert [i.checkpoint["channel_values"]["n"] for i in saver.list(config(name))] == [*range(29, -1, -1)]
