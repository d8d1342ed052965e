"""A stand-in for an Electrum server: answers lines as a test says, also badly, with or without encryption.

It is our own code and no real server (that is tests/servers/litecoin.py); it exists because a real one does not fail on
demand.
"""

from __future__ import annotations

import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Certificate", "LineServer", "line_server", "make_certificate"]

Answer = Callable[[dict[str, Any]], "list[bytes] | None"]
"""The lines to send for a call; None closes the connection."""


@dataclass(frozen=True)
class Certificate:
    """Paths of a certificate and its key (PEM)."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, name: str, signer: Certificate | None = None) -> Certificate:
    """A certificate for 127.0.0.1: self-signed, or signed by `signer`."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += [
        "-days",
        "3650",
        "-subj",
        f"/CN={name}",
        "-keyout",
        str(made.key),
        "-out",
        str(made.certificate),
    ]
    if signer is not None:
        command += ["-CA", str(signer.certificate), "-CAkey", str(signer.key)]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return made


@dataclass
class LineServer:
    """A running stand-in. asked: all calls, in order of arrival; connections: how many were made."""

    url: str
    answer: Answer
    asked: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0


def good(call: dict[str, Any]) -> list[bytes]:
    """The answer of a server that is well: its greeting, and to all else the parameters."""
    result = ["stand-in", "1.4.2"] if call["method"] == "server.version" else call["params"]
    return [json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode() + b"\n"]


@contextmanager
def line_server(answer: Answer = good, certificate: Certificate | None = None) -> Iterator[LineServer]:
    """Run a stand-in on a free port of this machine until the block ends."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            running.connections += 1
            for line in self.rfile:
                call = json.loads(line)
                running.asked.append(call)
                lines = running.answer(call)
                if lines is None:
                    return
                self.wfile.write(b"".join(lines))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def get_request(self) -> Any:
            connection, address = super().get_request()
            if certificate is None:
                return connection, address
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def finish_request(self, request: Any, client_address: Any) -> None:
            with suppress(OSError):  # a client that went away
                super().finish_request(request, client_address)

        def handle_error(self, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    scheme = "ssl" if certificate else "tcp"
    running = LineServer(f"{scheme}://127.0.0.1:{server.server_address[1]}", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
