"""A private Bitcoin-like node for tests, with an Electrum server in front: litecoind in regtest mode and ElectrumX.

litecoind is a fork of Bitcoin Core (same RPC, segwit, taproot); Bitcoin Core itself is packaged nowhere that an
installation can reach. Scripts know no human-readable part, so the tests pay the witness programs of real `bc1...`
addresses here, and the adapters, which serve Bitcoin, print them as such. Blocks are made of given raw transactions at
given times; no wallet is in it, and nothing is signed (tests/bitcoin_coins.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import require

__all__ = ["FIRST_TIME", "GENESIS", "Litecoin", "litecoin_binaries", "running"]

FIRST_TIME = 1_716_800_000
"""UTC seconds of the first block: 2024-05-27 08:53."""

GENESIS = "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"
"""Hash of block 0 of Litecoin's regtest chain."""

_USER, _WORD = "test", "test"
_START_SECONDS = 60
_NO_MWEB = "-vbparams=mweb:0:0"  # extension blocks are Litecoin's own; without them it is Bitcoin's format


_AT_ONCE = """
from electrumx.cli.electrumx_server import main
from electrumx.server.transport import PaddedRSTransport
PaddedRSTransport.WAIT_FOR_BUFFER_GROWTH_SECONDS = 0.0
main()
"""
"""ElectrumX holds small answers back for up to a second, against observers. Tests are not watched."""


class RpcError(AssertionError):
    """The node's error to a call."""


class Litecoin:
    """A running node with ElectrumX in front. Blocks are made by `mine` only.

    rpc: address of the node's RPC, with `authorization` as header. electrum: address of the Electrum server.
    """

    def __init__(
        self, node: Path, electrumx: Path, folder: Path, settings: dict[str, str], *, at_once: bool
    ) -> None:
        self.folder, self._node, self._electrumx, self._settings = folder, node, electrumx, settings
        self._at_once = at_once
        self._processes: list[subprocess.Popen[bytes]] = []
        self.time = FIRST_TIME
        self._ports = _free_ports(3)
        self.rpc = f"http://127.0.0.1:{self._ports[0]}"
        self.authorization = "Basic " + b64encode(f"{_USER}:{_WORD}".encode()).decode()
        self.electrum = f"tcp://127.0.0.1:{self._ports[1]}"
        self.electrum_tls = f"ssl://127.0.0.1:{self._ports[2]}"

    def start(self) -> None:
        """Start both and wait until they answer."""
        _certificate(self.folder)
        data = self.folder / "node"
        data.mkdir()
        self._run(
            "node",
            [
                *(str(self._node), f"-datadir={data}", "-regtest", "-server", "-txindex", "-listen=0"),
                *("-dnsseed=0", "-disablewallet", f"-rpcport={self._ports[0]}", "-rpcbind=127.0.0.1"),
                *(
                    "-rpcallowip=127.0.0.1",
                    f"-rpcuser={_USER}",
                    f"-rpcpassword={_WORD}",
                    "-acceptnonstdtxn=1",
                ),
                *("-limitancestorcount=5000", "-limitdescendantcount=5000", "-rpcworkqueue=256"),
                *(
                    "-rpcthreads=8",
                    "-upnp=0",
                    "-minrelaytxfee=0",
                    "-mempoolreplacement=1",
                    _NO_MWEB,
                    f"-mocktime={self.time}",
                ),
            ],
            {},
        )
        self._wait(lambda: self.call("getblockcount"))
        self._run(
            "electrumx",
            [str(self._electrumx.with_name("python")), "-c", _AT_ONCE]
            if self._at_once
            else [str(self._electrumx)],
            {
                "COIN": "Litecoin",
                "NET": "regtest",
                "DB_ENGINE": "leveldb",
                "DB_DIRECTORY": str(self.folder / "index"),
                "DAEMON_URL": f"http://{_USER}:{_WORD}@127.0.0.1:{self._ports[0]}/",
                "SERVICES": f"{self.electrum},{self.electrum_tls}",
                "SSL_CERTFILE": str(self.folder / "certificate.pem"),
                "SSL_KEYFILE": str(self.folder / "key.pem"),
                "COST_SOFT_LIMIT": "0",
                "COST_HARD_LIMIT": "0",
                "PEER_DISCOVERY": "",
                "PEER_ANNOUNCE": "",
                "ALLOW_ROOT": "1",
                "CACHE_MB": "100",
                "DAEMON_POLL_INTERVAL_BLOCKS": "50",
                "DAEMON_POLL_INTERVAL_MEMPOOL": "50",
                **self._settings,
            },
        )
        self.sync()

    def stop(self) -> None:
        """End both; nothing of the chain is kept."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(timeout=30)

    def call(self, method: str, *params: object) -> object:
        """The result of one call to the node."""
        (answer,) = self.calls([(method, params)])
        return answer

    def calls(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[object]:
        """Results of many calls in one request."""
        body = [{"id": n, "method": m, "params": list(p)} for n, (m, p) in enumerate(calls)]
        answers = json.loads(self.post(json.dumps(body).encode()))
        for answer in answers:
            if answer["error"] is not None:
                raise RpcError(str(answer["error"]))
        return [answer["result"] for answer in answers]

    def post(self, body: bytes) -> bytes:
        """The raw answer of the node to a raw question, whatever its status."""
        request = urllib.request.Request(
            self.rpc, data=body, headers={"Authorization": self.authorization}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return bytes(error.read())

    def electrum_call(self, method: str, *params: object) -> object:
        """The result of one call to the Electrum server."""
        with socket.create_connection(("127.0.0.1", self._ports[1]), timeout=60) as connection:
            lines = connection.makefile("rwb")
            for number, (name, given) in enumerate(
                (("server.version", ("test", ["1.4", "1.6"])), (method, params))
            ):
                body = {"jsonrpc": "2.0", "id": number, "method": name, "params": list(given)}
                lines.write(json.dumps(body).encode() + b"\n")
                lines.flush()
                answer = json.loads(lines.readline() or b'{"error": "closed"}')
        if "error" in answer:
            raise RpcError(str(answer["error"]))
        return answer["result"]

    def mine(self, transactions: Sequence[str] = (), *, script: str = "51", seconds: int = 600) -> int:
        """One block of raw transactions (hex) in this order, `seconds` later; its reward goes to `script` (hex).

        Returns its height. The Electrum server learns of it by itself: call `sync` before asking it.
        """
        self.time += seconds
        calls: list[tuple[str, Sequence[object]]] = [
            ("setmocktime", [self.time]),
            ("generateblock", [f"raw({script})", list(transactions)]),
            ("getblockcount", []),
        ]
        return int(str(self.calls(calls)[-1]))

    def mine_many(self, count: int, *, script: str = "51") -> int:
        """`count` blocks without transactions of ours; returns the height of the last."""
        self.time += 600
        calls: list[tuple[str, Sequence[object]]] = [
            ("setmocktime", [self.time]),
            ("generatetodescriptor", [count, f"raw({script})"]),
            ("getblockcount", []),
        ]
        return int(str(self.calls(calls)[-1]))

    def sync(self) -> None:
        """Wait until the Electrum server knows the node's newest block."""

        def level() -> None:
            height = self.call("getblockcount")
            found = self.electrum_call("blockchain.headers.subscribe")
            best = self.call("getblockheader", self.call("getbestblockhash"), False)
            if not isinstance(found, dict) or found != {"height": height, "hex": best}:
                raise ConnectionError("not yet")

        self._wait(level)

    def _run(self, name: str, command: list[str], settings: dict[str, str]) -> None:
        (self.folder / "index").mkdir(exist_ok=True)
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = {"PATH": os.defpath, "HOME": str(self.folder), **settings}
            self._processes.append(
                subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)
            )

    def _wait(self, ready: object) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                ready()
            except (OSError, ValueError, RpcError):
                ended = any(process.poll() is not None for process in self._processes)
                if ended or time.monotonic() > deadline:
                    logs = [p.read_text(errors="replace")[-3000:] for p in self.folder.glob("*.log")]
                    pytest.fail("The node or ElectrumX did not start:\n" + "\n".join(logs), pytrace=False)
                time.sleep(0.02)
            else:
                return


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _certificate(folder: Path) -> None:
    """A self-signed certificate, as most Electrum servers have one."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "3650", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def _electrumx() -> Path | None:
    placed = Path(__file__).resolve().parents[2] / ".venv/servers/electrumx/bin/electrumx_server"
    found = placed if placed.exists() else shutil.which("electrumx_server")
    return Path(found) if found else None


def binaries() -> tuple[Path | None, Path | None]:
    """The node and the Electrum server, None where one is missing."""
    node = shutil.which("litecoind")
    return (Path(node) if node else None), _electrumx()


@pytest.fixture(scope="session")
def litecoin_binaries() -> tuple[Path, Path]:
    """Both programs, or the test is not run."""
    node, electrumx = binaries()
    return require("litecoind", node), require("ElectrumX", electrumx)


@contextmanager
def running(programs: tuple[Path, Path], *, at_once: bool = True, **settings: str) -> Iterator[Litecoin]:
    """A running node and Electrum server with an empty chain; gone afterwards.

    at_once: small answers are not held back. settings: of ElectrumX.
    """
    folder = Path(tempfile.mkdtemp(prefix="litecoin"))
    server = Litecoin(*programs, folder, settings, at_once=at_once)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
