"""The movements and holdings of a computed case as people read them: what no accounting rule changes.

Names, times and amounts become text or Python integers once, however many rules print them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
import pyarrow as pa

from tracer.ledger import Ledger
from tracer.model import Asset, StopCode
from tracer.movements import amounts_from_column
from tracer.outpoints import outpoint_texts
from tracer.prices import Prices
from tracer.taint.program import NEVER, Program
from tracer.times import utc_text
from tracer.valuation import Valuation

__all__ = ["Listed", "Listing"]

_SINK_STOPS = {"sink:burned": StopCode.BURNED.value, "sink:recovered": StopCode.RECOVERED.value}


@dataclass(frozen=True, slots=True)
class Listed:
    """One holding: of an address, or of a sink (`sink` True, under the chain of its asset).

    hop: None where stolen coin cannot have come, and for sinks. stop: the code of the address, "" if none.
    """

    number: int
    chain: str
    address: str
    asset: Asset
    sink: bool
    hop: int | None
    stop: str


@dataclass(frozen=True)
class Listing:
    """What the tables of every rule share.

    sources_of: names of the sources by their number in the ledger. shown: canonical (chain, address) -> the text to
    print (EIP-55 on EVM chains). codes: stop codes that say more than those of the program. prices: published
    worth of coins.
    """

    ledger: Ledger
    program: Program
    sources_of: tuple[str, ...]
    shown: Callable[[str, str], str]
    codes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)

    @cached_property
    def valuation(self) -> Valuation:
        """What stolen coin was worth at the theft."""
        return Valuation(self.ledger, self.program, self.prices)

    @cached_property
    def movements(self) -> pd.DataFrame:
        """All movements in ledger order, then those left out: the columns that no rule changes. Not to be changed."""
        parts = [self._rows(self.ledger.table)]
        if self.ledger.excluded.num_rows:
            parts.append(self._rows(self.ledger.excluded))
        return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]

    def _rows(self, table: pa.Table) -> pd.DataFrame:
        columns = {name: table[name].to_pylist() for name in _AS_THEY_STAND}
        names = (*self.sources_of, "declared by the analyst")
        moments = {t: utc_text(t) for t in set(table["timestamp"].to_pylist())}
        data: dict[str, list[object]] = {
            "timestamp_utc": [moments[t] for t in table["timestamp"].to_pylist()],
            "amount_raw": list(amounts_from_column(table["amount"])),
            "source_name": [names[c] for c in table["capture"].to_pylist()],
            "source_row": table["row"].to_pylist(),
            "outpoint": [text or "" for text in outpoint_texts(table).to_pylist()]
            if self.ledger.utxo.any()
            else [""] * table.num_rows,
        }
        for side in ("from_address", "to_address"):
            pairs = list(zip(columns["chain"], columns[side], strict=True))
            texts = {pair: self.shown(*pair) for pair in set(pairs)}
            data[side] = [texts[pair] for pair in pairs]
        return pd.DataFrame({name: pd.Series((columns | data)[name], dtype=object) for name in _COLUMNS})

    @cached_property
    def holdings(self) -> list[Listed]:
        """Every holding that is not a pot, by number; of an address with several outpoints, the first for all."""
        program = self.program
        hops, pots, main = program.hop.tolist(), program.pot.tolist(), program.main.tolist()
        for first, members in program.members.items():
            hops[first] = min(hops[h] for h in members)
        owners, assets = program.holding_address.tolist(), program.holding_asset.tolist()
        found = []
        for number, (owner, asset, hop) in enumerate(zip(owners, assets, hops, strict=True)):
            if pots[number] or main[number] != number:
                continue
            chain, address = program.addresses[owner]
            what = program.assets[asset]
            if chain:
                reached = hop if hop < NEVER else None
                text, stop = (
                    self.shown(chain, address),
                    self.codes.get((chain, address), program.stop_code[owner]),
                )
                found.append(Listed(number, chain, text, what, sink=False, hop=reached, stop=stop))
            else:
                stop = _SINK_STOPS.get(address, "")
                found.append(Listed(number, what.chain, address, what, sink=True, hop=None, stop=stop))
        return found


_AS_THEY_STAND = (
    *("chain", "block", "tx_index", "position", "tx_hash", "from_address", "to_address", "asset", "symbol"),
    *("decimals", "kind", "excluded", "grade"),
)
_COLUMNS = (
    *(
        "chain",
        "block",
        "tx_index",
        "position",
        "timestamp_utc",
        "tx_hash",
        "from_address",
        "to_address",
        "asset",
    ),
    *(
        "symbol",
        "decimals",
        "amount_raw",
        "kind",
        "excluded",
        "outpoint",
        "grade",
        "source_name",
        "source_row",
    ),
)
