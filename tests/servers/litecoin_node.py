"""litecoind in regtest mode, alone: one process, its RPC, its end. With an Electrum server in front: litecoin.py.

litecoind is a fork of Bitcoin Core (same RPC, segwit, taproot); Bitcoin Core itself is packaged nowhere that an
installation can reach.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

__all__ = ["FIRST_TIME", "USER", "WORD", "Call", "Node", "RpcError"]

FIRST_TIME = 1_716_800_000
"""UTC seconds of the first block: 2024-05-27 08:53."""

USER, WORD = "test", "test"
_START_SECONDS = 60
_NO_MWEB = "-vbparams=mweb:0:0"  # extension blocks are Litecoin's own; without them it is Bitcoin's format

Call = tuple[str, Sequence[object] | Mapping[str, object]]
"""A method with its parameters, by place or by name."""


class RpcError(AssertionError):
    """The node's error to a call."""


class Node:
    """A node with an empty chain in `folder`. Blocks are made on demand only, at mock times.

    rpc: address of its RPC, with `authorization` as header. options: of litecoind, beside those that all nodes need.
    more_ports: how many for servers beside it, which a subclass starts. decimals: what becomes of the text of a decimal
    number in an answer.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        options: Sequence[str],
        more_ports: int = 0,
        decimals: Callable[[str], object] = float,
    ) -> None:
        self.folder, self._program, self._options = folder, program, options
        self._decimals = decimals
        self._processes: list[subprocess.Popen[bytes]] = []
        self.time = FIRST_TIME
        port, *self.more_ports = _free_ports(1 + more_ports)
        self._port = port
        self.rpc = f"http://127.0.0.1:{port}"
        self.authorization = "Basic " + b64encode(f"{USER}:{WORD}".encode()).decode()

    def start(self) -> None:
        """Start it and wait until it answers."""
        data = self.folder / "node"
        data.mkdir(parents=True)
        self._run(
            "node",
            [
                *(str(self._program), f"-datadir={data}", "-regtest", "-server", "-listen=0", "-dnsseed=0"),
                *(f"-rpcport={self._port}", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1"),
                *(f"-rpcuser={USER}", f"-rpcpassword={WORD}", "-rpcworkqueue=256", "-rpcthreads=8"),
                *("-upnp=0", _NO_MWEB, f"-mocktime={self.time}", *self._options),
            ],
            {},
        )
        self._wait(lambda: self.call("getblockcount"))

    def stop(self) -> None:
        """End it; nothing of the chain is kept."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(timeout=30)

    def call(self, method: str, *params: object) -> object:
        """The result of one call to the node."""
        (answer,) = self.calls([(method, params)])
        return answer

    def calls(self, calls: Sequence[Call], path: str = "") -> list[object]:
        """Results of many calls in one request. path: behind the address, as `/wallet/NAME`. Raises RpcError."""
        body = [
            {"id": n, "method": m, "params": dict(p) if isinstance(p, Mapping) else list(p)}
            for n, (m, p) in enumerate(calls)
        ]
        answers = json.loads(self.post(json.dumps(body).encode(), path), parse_float=self._decimals)
        for answer in answers:
            if answer["error"] is not None:
                raise RpcError(str(answer["error"]))
        return [answer["result"] for answer in answers]

    def post(self, body: bytes, path: str = "") -> bytes:
        """The raw answer of the node to a raw question, whatever its status."""
        request = urllib.request.Request(
            self.rpc + path, data=body, headers={"Authorization": self.authorization}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return bytes(error.read())

    def _run(self, name: str, command: list[str], settings: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = {"PATH": os.defpath, "HOME": str(self.folder), **settings}
            self._processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)
            )

    def _wait(self, ready: Callable[[], object]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                ready()
            except (OSError, ValueError, RpcError):
                ended = any(process.poll() is not None for process in self._processes)
                if ended or time.monotonic() > deadline:
                    logs = [p.read_text(errors="replace")[-3000:] for p in self.folder.glob("*.log")]
                    pytest.fail("A server did not start:\n" + "\n".join(logs), pytrace=False)
                time.sleep(0.02)
            else:
                return


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
