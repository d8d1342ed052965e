"""A local HTTP stand-in for a provider: it answers as a test says, also badly, and remembers what it was asked.

It is our own code and no real provider. It exists because no explorer can be installed here, and because no real one
fails on demand.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Asked", "Reply", "StandIn", "stand_in"]


@dataclass(frozen=True)
class Asked:
    """One request as it came in; `at` is the server's monotonic clock in seconds."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer. fault: `reset` cuts the connection before, `cut` in the middle of the body; hold: an event to
    wait for before the answer.
    """

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    hold: threading.Event | None = None

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class StandIn:
    """A running stand-in: `url`, `asked` (all requests so far), `answer` (may be replaced while it runs)."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._serve(self)

            do_POST = do_GET  # noqa: N815 - the name that http.server calls

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args: object) -> None:
                pass  # a client that went away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        asked = Asked(
            handler.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {k.lower(): v for k, v in handler.headers.items()},
            handler.rfile.read(int(handler.headers.get("content-length") or 0)),
            time.monotonic(),
        )
        self.asked.append(asked)
        reply = self.answer(asked)
        if reply.hold is not None:
            reply.hold.wait(60)
        if reply.fault == "reset":
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        data = reply.data
        handler.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        if reply.fault == "cut":
            handler.wfile.write(data[: len(data) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        handler.wfile.write(data)


@contextmanager
def stand_in(answer: Callable[[Asked], Reply]) -> Iterator[StandIn]:
    """Run a stand-in on a free loopback port until the block ends."""
    running = StandIn(answer)
    thread = threading.Thread(
        target=running.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()
        thread.join(10)
