"""Coins for tests of Bitcoin: owners whose scripts need no signature, and transactions that spend them.

The script of owner n is the P2WSH of `n OP_DROP OP_1`: anybody may spend it by showing that program, which is all that
a node checks. Its address is a real `bc1q...` one. So a chain of thousands of payments is made in a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from tests.servers.litecoin import Litecoin
from tracer.chains.bitcoin_bytes import RawOutput, double_sha256, serialized
from tracer.chains.bitcoin_scripts import read_script
from tracer.utxo import Outpoint

__all__ = ["COIN", "Chain", "Coin", "Owner", "owner"]

COIN = 100_000_000
_REPLACEABLE = 0xFFFFFFFD


@dataclass(frozen=True)
class Owner:
    """program: the witness script. script: its P2WSH output script. address: bc1q..."""

    program: bytes
    script: bytes
    address: str


@cache
def owner(number: int) -> Owner:
    """The owner of that number (0 to 2^31 - 1)."""
    program = b"\x04" + number.to_bytes(4, "little") + b"\x75\x51"
    script = b"\x00\x20" + hashlib.sha256(program).digest()
    return Owner(program, script, read_script(script).address)


@dataclass(frozen=True)
class Coin:
    """An output that can be spent."""

    at: Outpoint
    amount: int
    owner: Owner


@dataclass
class Chain:
    """A chain of blocks under construction: what is paid waits until `mine`."""

    server: Litecoin
    waiting: list[str] = field(default_factory=list)

    def endow(self, to: Owner, blocks: int = 1) -> list[Coin]:
        """Coins of new blocks that pay `to`, ripe for spending (100 blocks later)."""
        first = int(str(self.server.call("getblockcount"))) + 1
        self.server.mine_many(blocks, script=to.script.hex())
        self.server.mine_many(100)
        hashes = self.server.calls([("getblockhash", [first + n]) for n in range(blocks)])
        found = []
        for block in self.server.calls([("getblock", [h, 2]) for h in hashes]):
            made = block["tx"][0]
            amount = round(made["vout"][0]["value"] * COIN)
            found.append(Coin(Outpoint(made["txid"], 0), amount, to))
        return found

    def pay(
        self, coins: Sequence[Coin], to: Sequence[tuple[Owner, int]], *, extra: Sequence[RawOutput] = ()
    ) -> list[Coin]:
        """A transaction that spends `coins` in order; the rest is its fee. extra: outputs after the others."""
        outputs = [*(RawOutput(amount, payee.script) for payee, amount in to), *extra]
        stripped = serialized(2, [(coin.at, b"", _REPLACEABLE) for coin in coins], outputs, 0)
        witness = b"".join(b"\x01" + bytes([len(c.owner.program)]) + c.owner.program for c in coins)
        self.waiting.append((stripped[:4] + b"\x00\x01" + stripped[4:-4] + witness + stripped[-4:]).hex())
        txid = double_sha256(stripped)[::-1].hex()
        return [Coin(Outpoint(txid, n), amount, payee) for n, (payee, amount) in enumerate(to)]

    def pay_bare(self, coins: Sequence[Coin], to: Sequence[tuple[Owner, int]]) -> list[Coin]:
        """As `pay`, of coins whose scripts anybody may spend without showing anything (OP_2)."""
        outputs = [RawOutput(amount, payee.script) for payee, amount in to]
        raw = serialized(2, [(coin.at, b"", _REPLACEABLE) for coin in coins], outputs, 0)
        self.waiting.append(raw.hex())
        txid = double_sha256(raw)[::-1].hex()
        return [Coin(Outpoint(txid, n), amount, payee) for n, (payee, amount) in enumerate(to)]

    def mine(self, seconds: int = 600) -> int:
        """One block of what was paid, in that order; returns its height."""
        waiting, self.waiting = self.waiting, []
        return self.server.mine(waiting, seconds=seconds)

    def bury(self, blocks: int = 6) -> int:
        """Empty blocks, so that what came before is final; waits for the Electrum server. Returns the height."""
        height = self.server.mine_many(blocks)
        self.server.sync()
        return height
