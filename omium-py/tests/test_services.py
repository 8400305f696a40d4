"""The examples for services: a real server and real workers, killed; everything is done once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import omium

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OMIUM_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class Server:
    """The service, as often as it is started."""

    def __init__(self, where: Path) -> None:
        self._where = where
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(EXAMPLES / "service_fastapi.py"), str(self._port)]
        log = (self._where / "service.log").open("ab")
        self._process = subprocess.Popen(command, cwd=self._where, env=environment(), stdout=log, stderr=log)
        log.close()
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._where / "service.log").read_text())

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(60)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def post(self, order: str, cents: int) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self._port}/orders/{order}?cents={cents}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except (OSError, ValueError) as error:
            return 0, type(error).__name__

    def posts(self, *orders: tuple[str, int]) -> list[tuple[int, Any]]:
        """All at once."""
        answers: dict[int, tuple[int, Any]] = {}

        def one(at: int, order: tuple[str, int]) -> None:
            answers[at] = self.post(*order)

        threads = [threading.Thread(target=one, args=each) for each in enumerate(orders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [answers[at] for at in range(len(orders))]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    made = Server(tmp_path)
    yield made
    if made.running:
        made.kill()


def charges(where: Path) -> list[str]:
    bank = where / "bank.txt"
    return bank.read_text().splitlines() if bank.exists() else []


def test_a_service_charges_once(server: Server, tmp_path: Path) -> None:
    server.start()
    twice = server.posts(("17", 1900), ("17", 1900))
    assert [code for code, _ in twice] == [200, 200], twice
    assert twice[0][1] == twice[1][1]
    assert len(charges(tmp_path)) == 1
    # Another amount under the same key is another order.
    code, told = server.post("17", 5)
    assert (code, "other arguments" in told["detail"]) == (409, True)
    assert server.kill(signal.SIGTERM) in (0, -signal.SIGTERM)


def test_a_service_that_is_killed_in_the_middle(server: Server, tmp_path: Path) -> None:
    server.start()
    answers: list[tuple[int, Any]] = []
    posting = threading.Thread(target=lambda: answers.extend(server.posts(("18", 700), ("18", 700))))
    posting.start()
    while not charges(tmp_path):
        time.sleep(0.01)
    server.kill()
    posting.join()
    assert [code for code, _ in answers] == [0, 0]
    server.start()
    again = server.posts(("18", 700), ("18", 700))
    assert [code for code, _ in again] == [200, 200], again
    assert again[0][1] == again[1][1] == server.post("18", 700)[1]
    (charge,) = charges(tmp_path)
    assert again[0][1]["receipt"] == charge


def test_what_was_left_goes_on_at_the_start_without_a_request(server: Server, tmp_path: Path) -> None:
    server.start()
    posting = threading.Thread(target=server.post, args=("19", 100))
    posting.start()
    while not charges(tmp_path):
        time.sleep(0.01)
    server.kill()
    posting.join()
    server.start()
    omium.init(store=tmp_path / ".omium")
    until = time.monotonic() + 30
    while omium.get("order-19").status != "completed":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert omium.get("order-19").result()["receipt"] == charges(tmp_path)[0]
    assert len(charges(tmp_path)) == 1
    assert "order-19: is resumed" in (tmp_path / "service.log").read_text()


def pool(where: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(EXAMPLES / "worker_pool.py"), *arguments]
    return subprocess.Popen(
        command,
        cwd=where,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def published(where: Path) -> list[str]:
    done = where / "done.txt"
    return sorted(line.partition(":")[0] for line in done.read_text().splitlines()) if done.exists() else []


EVERY = [f"report-{n}" for n in range(6)]


def test_a_pool_whose_workers_die_does_every_run_once(tmp_path: Path) -> None:
    out, err = pool(tmp_path, "--crash").communicate(timeout=120)
    assert out == "6 left, 0 published\n", err
    out, err = pool(tmp_path).communicate(timeout=120)
    assert out == "0 left, 6 published\n", err
    assert published(tmp_path) == EVERY


def test_a_pool_that_is_killed_again_and_again_does_every_run_once(tmp_path: Path) -> None:
    for n in range(4):
        process = pool(tmp_path)
        time.sleep(0.4 + 0.25 * n)
        # The pool and all its workers, wherever they are.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    out, err = pool(tmp_path).communicate(timeout=120)
    assert out == "0 left, 6 published\n", err
    assert published(tmp_path) == EVERY
    omium.init(store=tmp_path / ".omium")
    assert {run.id: run.status for run in omium.executions()} == dict.fromkeys(EVERY, "completed")
