"""A private Ethereum node for tests: anvil on a free port of this machine, without gas prices, from 2025-02-19 on.

Anybody may be impersonated there, so the tests pay from any address and put any program at any place.
`anvil` gives each test a node of its own (a fresh chain takes a tenth of a second).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import require

__all__ = ["FIRST_TIME", "Anvil", "anvil", "anvil_binary", "running"]

FIRST_TIME = 1_740_000_000
"""UTC seconds of the first block: 2025-02-19 21:20."""

_START_SECONDS = 60
_MEMORY_KIB = 8_000_000
_FLAGS = (
    *("--host", "127.0.0.1", "--auto-impersonate", "--base-fee", "0", "--gas-price", "0"),
    *("--timestamp", str(FIRST_TIME), "--order", "fifo", "--disable-block-gas-limit", "--quiet"),
    "--no-mining",
)


class Anvil:
    """One running node. Blocks are mined by `mine` only, so a test decides what stands in which block."""

    def __init__(self, binary: Path, folder: Path, chain_id: int = 1) -> None:
        self.chain_id = chain_id
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._binary = binary

    def start(self) -> None:
        """Start and wait until it answers. Its memory is bounded: a flooded node would take the whole machine."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [str(self._binary), "--port", str(port), "--chain-id", str(self.chain_id), *_FLAGS]
        bounded = ["bash", "-c", f'ulimit -v {_MEMORY_KIB} && exec "$@"', "anvil", *command]
        with (self.folder / "anvil.log").open("wb") as log:
            self.process = subprocess.Popen(
                bounded, stdout=log, stderr=log, cwd=self.folder, env={"HOME": str(self.folder)}
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.call("eth_chainId")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log_text = (self.folder / "anvil.log").read_text(errors="replace")
                    pytest.fail(f"anvil did not start:\n{log_text}", pytrace=False)
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End it; nothing of its chain is kept."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def post(self, body: bytes) -> bytes:
        """The raw answer to a raw question."""
        request = urllib.request.Request(
            self.url, data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def call(self, method: str, *params: object) -> object:
        """The result of one call; an error of the node fails the test."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = json.loads(self.post(json.dumps(body).encode()))
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def endow(self, address: str, amount: int) -> None:
        """Give `address` a balance in wei, out of nothing."""
        self.call("anvil_setBalance", address, hex(amount))

    def install(self, address: str, code: bytes) -> None:
        """Put a program at `address`."""
        self.call("anvil_setCode", address, "0x" + code.hex())

    def send(self, sender: str, to: str | None, value: int = 0, data: str = "0x", price: int = 0) -> str:
        """Hand in a transaction of any sender; it stands in the next block that is mined. Returns its hash."""
        body = {
            "from": sender,
            "value": hex(value),
            "data": data,
            "gas": hex(3_000_000),
            "gasPrice": hex(price),
        }
        if to is not None:
            body["to"] = to
        return str(self.call("eth_sendTransaction", body))

    def mine(self, timestamp: int | None = None) -> int:
        """Mine one block of what was handed in, at UTC seconds if given; returns its number."""
        if timestamp is not None:
            self.call("evm_setNextBlockTimestamp", timestamp)
        self.call("evm_mine")
        return int(str(self.call("eth_blockNumber")), 16)

    def batch(self, payments: Sequence[tuple[str, str, int]]) -> int:
        """One block of plain payments (sender, recipient, wei), in this order; returns its number."""
        bodies = [
            {
                "jsonrpc": "2.0",
                "id": place,
                "method": "eth_sendTransaction",
                "params": [{"from": a, "to": b, "value": hex(n), "gas": "0x5208", "gasPrice": "0x0"}],
            }
            for place, (a, b, n) in enumerate(payments)
        ]
        answers = json.loads(self.post(json.dumps(bodies).encode()))
        assert all("result" in answer for answer in answers), answers
        return self.mine()


def _binary() -> Path | None:
    placed = Path(__file__).resolve().parents[2] / ".venv" / "servers" / "anvil" / "anvil"
    if placed.exists():
        return placed
    found = shutil.which("anvil")
    return Path(found) if found else None


@pytest.fixture(scope="session")
def anvil_binary() -> Path:
    """The program, or the test is not run."""
    return require("anvil", _binary())


@contextmanager
def running(binary: Path, chain_id: int = 1) -> Iterator[Anvil]:
    """A running node with an empty chain; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="anvil"))
    server = Anvil(binary, folder, chain_id)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def anvil(anvil_binary: Path) -> Iterator[Anvil]:
    """A running node with an empty chain, for one test."""
    with running(anvil_binary) as server:
        yield server
