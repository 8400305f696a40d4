"""What recording model calls costs: the first chunk, each chunk, the last one, and a whole call.

    python benches/python/wire_streaming.py [--calls N] [--chunks N] [--pause MS] [--prompt BYTES] [--json]

A server of its own process streams chunks on 127.0.0.1. The ways to call take turns, call by call, so
that a noisy machine is noisy for all of them:

    plain     httpx without omium
    outside   omium installed, no execution around the call
    record    inside an execution, with its default durability ("strict")
    replay    the same calls again, answered from the record

Times are those the reader of the stream sees; a chunk is late by how long after its sending it is there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

import omium

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS = ("plain", "outside", "record", "replay")
TEXT = "word "


class Handler(BaseHTTPRequestHandler):
    """Streams as many chunks as the body asks for; each says when it was sent."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not body.get("stream"):
            return self._whole()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for n in range(body["chunks"]):
            end = n == body["chunks"] - 1
            delta = {"delta": {"content": TEXT}, "finish_reason": "stop" if end else None}
            self._chunk({"sent": time.perf_counter(), "model": "gpt-4o", "choices": [delta]})
            time.sleep(body["pause"])
        self._send(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _whole(self) -> None:
        usage = {"prompt_tokens": 1000, "completion_tokens": 200}
        choices = [{"message": {"role": "assistant", "content": TEXT * 200}, "finish_reason": "stop"}]
        data = json.dumps({"model": "gpt-4o", "choices": choices, "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _chunk(self, event: dict[str, Any]) -> None:
        self._send(f"data: {json.dumps(event)}\n\n".encode())

    def _send(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def serve(ports: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports.put(server.server_port)
    server.serve_forever()


class Times:
    """What one way took, call by call, in milliseconds."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.late: list[float] = []
        self.last: list[float] = []
        self.stream: list[float] = []
        self.whole: list[float] = []

    def figures(self) -> dict[str, float]:
        medians = {name: statistics.median(values) for name, values in vars(self).items() if values}
        return {name: round(value, 3) for name, value in medians.items()}


def stream(client: httpx.Client, body: dict[str, Any], times: Times) -> None:
    began = time.perf_counter()
    seen: list[tuple[float, bytes]] = []
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        seen.extend((time.perf_counter(), chunk) for chunk in response.iter_bytes())
    times.first.append((seen[0][0] - began) * 1000)
    times.stream.append((seen[-1][0] - began) * 1000)
    if not response.extensions.get("omium", {}).get("replayed"):
        for arrived, chunk in seen:
            sent = [json.loads(line[6:])["sent"] for line in chunk.split(b"\n\n") if line.startswith(b"data: {")]
            times.late.extend((arrived - each) * 1000 for each in sent)
        times.last.append((seen[-1][0] - seen[-2][0]) * 1000)


def whole(client: httpx.Client, body: dict[str, Any], times: Times) -> None:
    began = time.perf_counter()
    client.post("/v1/chat/completions", json=body)
    times.whole.append((time.perf_counter() - began) * 1000)


def calls(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Bodies of a growing conversation about a long prompt."""
    talk = [{"role": "system", "content": "x" * arguments.prompt}]
    for n in range(arguments.calls):
        talk.append({"role": "user", "content": f"question {n}"})
        yield {"model": "gpt-4o", "messages": list(talk)}


def measure(arguments: argparse.Namespace, base: str) -> dict[str, Times]:
    measured = {way: Times() for way in WAYS}
    streamed = {"stream": True, "chunks": arguments.chunks, "pause": arguments.pause / 1000}
    with tempfile.TemporaryDirectory() as store, httpx.Client(base_url=base) as client:
        omium.init(store=store)
        bodies = list(calls(arguments))

        def one(way: str, body: dict[str, Any]) -> None:
            stream(client, {**body, **streamed}, measured[way])
            whole(client, body, measured[way])

        def recorded() -> None:
            # `plain` and `outside` must not see the execution, and yet take turns with it.
            with omium.execution("bench"):
                for body in bodies:
                    one("record", body)
                    aside(lambda body=body: one("outside", body))
                    omium.wire.uninstrument()
                    aside(lambda body=body: one("plain", body))
                    omium.wire.instrument()

        one("outside", bodies[0])
        measured["outside"] = Times()
        recorded()
        with omium.execution("bench", mode="replay"):
            for body in bodies:
                one("replay", body)
    return measured


def aside(call: Any) -> None:
    """Runs it in a context of its own, as if there were no execution around it."""
    import contextvars

    contextvars.Context().run(call)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--chunks", type=int, default=50)
    parser.add_argument("--pause", type=float, default=1.0, help="milliseconds between two chunks")
    parser.add_argument("--prompt", type=int, default=4000, help="bytes of the system message")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ports: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    try:
        figures = {way: times.figures() for way, times in measure(arguments, f"http://127.0.0.1:{ports.get()}").items()}
    finally:
        server.terminate()
    if arguments.json:
        print(json.dumps(figures))
        return 0
    labels = {
        "first": "until the first chunk",
        "late": "a chunk is late by",
        "last": "between the last two chunks",
        "stream": "the whole stream",
        "whole": "a whole JSON answer",
    }
    print(f"{'ms, medians of ' + str(arguments.calls) + ' calls':32}" + "".join(f"{way:>10}" for way in WAYS))
    for name, label in labels.items():
        row = (figures[way].get(name) for way in WAYS)
        print(f"{label:32}" + "".join(f"{'-' if value is None else f'{value:.3f}':>10}" for value in row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
