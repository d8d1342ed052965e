"""A private Bitcoin-like node for tests, with an Electrum server in front: litecoind in regtest mode and ElectrumX.

Scripts know no human-readable part, so the tests pay the witness programs of real `bc1...` addresses here, and the
adapters, which serve Bitcoin, print them as such. Blocks are made of given raw transactions at given times; no wallet
is in it, and nothing is signed (tests/bitcoin_coins.py).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import require
from tests.servers.litecoin_node import FIRST_TIME, USER, WORD, Node, RpcError

__all__ = ["FIRST_TIME", "GENESIS", "Litecoin", "litecoin_binaries", "running"]

GENESIS = "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"
"""Hash of block 0 of Litecoin's regtest chain."""

_AT_ONCE = """
from electrumx.cli.electrumx_server import main
from electrumx.server.transport import PaddedRSTransport
PaddedRSTransport.WAIT_FOR_BUFFER_GROWTH_SECONDS = 0.0
main()
"""
"""ElectrumX holds small answers back for up to a second, against observers. Tests are not watched."""

_OPTIONS = (
    *("-disablewallet", "-txindex", "-acceptnonstdtxn=1", "-minrelaytxfee=0", "-mempoolreplacement=1"),
    *("-limitancestorcount=5000", "-limitdescendantcount=5000"),
)


class Litecoin(Node):
    """A running node with ElectrumX in front. Blocks are made by `mine` only.

    electrum, electrum_tls: addresses of the Electrum server.
    """

    def __init__(
        self, node: Path, electrumx: Path, folder: Path, settings: dict[str, str], *, at_once: bool
    ) -> None:
        super().__init__(node, folder, _OPTIONS, more_ports=2)
        self._electrumx, self._settings, self._at_once = electrumx, settings, at_once
        self.electrum = f"tcp://127.0.0.1:{self.more_ports[0]}"
        self.electrum_tls = f"ssl://127.0.0.1:{self.more_ports[1]}"

    def start(self) -> None:
        """Start both and wait until they answer."""
        _certificate(self.folder)
        super().start()
        (self.folder / "index").mkdir()
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
                "DAEMON_URL": self.rpc.replace("//", f"//{USER}:{WORD}@") + "/",
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

    def electrum_call(self, method: str, *params: object) -> object:
        """The result of one call to the Electrum server."""
        with socket.create_connection(("127.0.0.1", self.more_ports[0]), timeout=60) as connection:
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
