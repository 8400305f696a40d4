"""A model provider on 127.0.0.1: OpenAI chat and responses, Anthropic messages, Gemini; JSON and streams.

It plays one agent: it asks for the tool `step` with n = 1, 2 and 3, one after the other, and then says
"done". What goes wrong is told beforehand: `provider.troubles.append("429")`.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import wire_bedrock
from wire_answers import answer, events

COOKIE = "sid=cookie-that-is-secret-0001"


class Provider(ThreadingHTTPServer):
    """Serves from the beginning until `stop`; `requests` are the bodies it was sent, in order."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []
        self.troubles: deque[str] = deque()
        """One for each coming request, "" for none."""
        self.pause = 0.0
        """Seconds between two chunks of a stream."""
        self.encoding = ""
        self.kind = "text/event-stream"
        self.silent = False
        """Whether answers do not say what they used."""
        self.answer: str | None = None
        """What is said at once, in place of the agent's tool calls."""
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def hits(self) -> int:
        return len(self.requests)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of an answer is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Provider

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.requests.append(body)
            self.server.heads.append({name.lower(): value for name, value in self.headers.items()})
            trouble = self.server.troubles.popleft() if self.server.troubles else ""
        path = self.path.partition("?")[0]
        if trouble.isdigit():
            self._json({"error": {"message": f"trouble {trouble}", "type": "x"}}, int(trouble))
        elif trouble == "garbage":
            self._send(b"<html>upstream is down</html>", "text/html")
        elif trouble == "echo":
            self._json({"error": {"message": f"no access for {dict(self.headers)} at {self.path}"}}, 403)
        elif trouble == "{}":
            self._json({})
        elif trouble == "nothing":
            self._send(b"", "application/json")
        elif trouble == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif not isinstance(body, dict) or not {"messages", "input", "contents"} & body.keys():
            self._json({"sent": True})
        elif "/model/" in path:
            self._bedrock(path, body, trouble)
        elif body.get("stream") or ":stream" in path:
            self._stream(list(events(path, body, self.server.answer)), trouble)
        else:
            whole = answer(path, body, self.server.answer)
            if self.server.silent:
                del whole["usage"]
            self._json(whole)

    def _bedrock(self, path: str, body: dict[str, Any], trouble: str) -> None:
        if path.endswith("-stream"):
            self.server.kind = wire_bedrock.KIND
            self._stream(list(wire_bedrock.frames(path, body, self.server.answer)), trouble)
        else:
            self._json(wire_bedrock.whole(path, body, self.server.answer))

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        if self.server.encoding == "gzip":
            body = gzip.compress(body)
        self.send_response(status)
        self._head(kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _head(self, kind: str) -> None:
        self.send_header("content-type", kind)
        self.send_header("set-cookie", COOKIE)
        self.send_header("x-request-id", f"req-{self.server.hits}")
        if self.server.encoding:
            self.send_header("content-encoding", self.server.encoding)

    def _stream(self, chunks: list[bytes], trouble: str) -> None:
        self.send_response(200)
        self._head(self.server.kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        packer = zlib.compressobj(wbits=31) if self.server.encoding == "gzip" else None
        for number, chunk in enumerate(chunks):
            if number == len(chunks) // 2 and trouble in ("half", "break"):
                break
            data = chunk if packer is None else packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            if self.server.pause:
                time.sleep(self.server.pause)
        if trouble == "break":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(b"0\r\n\r\n")
