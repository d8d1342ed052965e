"""Checked text rows to the movement table: decimals, exact amounts, kinds, and what is left out of flows at sight.

Fed batch by batch; keeps only finished columns and, per asset, its decimals. Knows nothing of files or formats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import ZERO_ADDRESS, is_utxo
from tracer.chains.amount_columns import UNKNOWN, read_amounts
from tracer.chains.amount_text import (
    MAX_DECIMALS,
    without_commas,
)
from tracer.chains.cells import Assets, Cells
from tracer.chains.csv_guard import unguard
from tracer.chains.fields import addresses, chains, encode, hashes, kinds, numbers, times, trim, words
from tracer.chains.problems import Problems
from tracer.chains.tokens import imitated, known
from tracer.errors import InputError, shown
from tracer.model import NATIVE, UNCONFIRMED, Kind
from tracer.movements import SCHEMA

__all__ = ["EXCLUDED", "Converter"]

EXCLUDED = ("poison", "zero_value", "fake_token", UNCONFIRMED)
"""Reasons for which a row is kept but left out of flows."""

_NO_PAYER = {Kind.MINT, Kind.WITHDRAWAL, Kind.ISSUER, Kind.OPENING, Kind.WRAP, Kind.UNWRAP, Kind.UNKNOWN}
_NO_RECEIVER = {Kind.BURN, Kind.FEE, Kind.ISSUER, Kind.WRAP, Kind.UNWRAP, Kind.UNKNOWN}


class Converter:
    """Builds one movement table. `counts` gathers what the result has to mention."""

    def __init__(
        self,
        problems: Problems,
        counts: Counter[str],
        *,
        chain: str | None,
        assumed_chain: str,
        commas: bool,
        decimals_of: Mapping[str, str],
    ) -> None:
        self._problems, self._counts = problems, counts
        self._chain, self._assumed, self._commas = chain, assumed_chain, commas
        self._given = {asset: _decimals(text) for asset, text in decimals_of.items()}
        self._stated: dict[tuple[str, str], int] = {}
        self._guessed: set[tuple[str, str]] = set()
        self._parts: dict[str, list[pa.Array]] = {name: [] for name in SCHEMA.names}
        self.rows = 0

    def feed(self, cells: Cells, extra: pa.Array) -> None:
        """Add one batch; `extra` is its column of that name."""
        if not len(cells):
            return
        rows, problems = cells.rows, self._problems
        chain_codes, chain_list = chains(
            cells.columns.get("chain"), self._chain, self._assumed, rows, problems
        )
        payer = addresses(cells.get("from_address"), chain_codes, chain_list, rows, "from_address", problems)
        payee = addresses(cells.get("to_address"), chain_codes, chain_list, rows, "to_address", problems)
        asset = addresses(cells.get("asset"), chain_codes, chain_list, rows, "asset", problems)
        symbol = self._symbols(cells.get("symbol"))
        asset_codes, asset_list = asset.indices.to_numpy(), asset.dictionary.to_pylist()
        assets = Assets(chain_codes.astype(np.int64) * len(asset_list) + asset_codes, chain_list, asset_list)
        kind = self._kinds(cells, payer, payee, asset_codes, asset_list)
        payer, payee = _outside(payer, kind, Kind.MINT), _outside(payee, kind, Kind.BURN)
        self._ends(cells, payer, payee, kind, np.array([is_utxo(c) for c in chain_list])[chain_codes])
        excluded = self._excluded(cells, kind, assets, symbol)
        decimals = self._decimals(cells, assets)
        left_out = ~_among(excluded, ("",))
        amount, guessed = read_amounts(
            cells, assets, decimals, left_out, problems, self._counts, commas=self._commas
        )
        self._guessed |= guessed
        columns = {
            "chain": words(chain_codes, chain_list),
            "block": numbers(cells.get("block"), rows, "block", problems),
            "tx_index": numbers(cells.get("tx_index"), rows, "tx_index", problems),
            "position": numbers(cells.get("position"), rows, "position", problems),
            "timestamp": times(cells.get("timestamp_utc"), rows, problems),
            "tx_hash": hashes(cells.get("tx_hash"), chain_codes, chain_list, rows, problems),
            "from_address": payer,
            "to_address": payee,
            "asset": asset,
            "symbol": self._named(symbol, assets),
            "decimals": pa.array(decimals, pa.int16(), mask=decimals == UNKNOWN),
            "amount": amount,
            "kind": kind,
            "excluded": excluded,
            "value": self._values(cells.get("value")),
            "grade": self._grades(cells),
            "row": pa.array(rows, pa.int64()),
            "extra": extra,
        }
        for name, column in columns.items():
            self._parts[name].append(column)
        self.rows += len(cells)

    def table(self) -> pa.Table:
        """All rows as one table of SCHEMA, in the order fed. To be called once, when `problems` has none."""
        columns = []
        for field in SCHEMA:
            parts = self._parts.pop(field.name)
            if not parts:
                return SCHEMA.empty_table()
            chunked = pa.chunked_array(parts, type=field.type)
            if pa.types.is_dictionary(field.type):
                chunked = chunked.unify_dictionaries()
            # long text stays in chunks: joining it would take the memory twice, and fail above 2 GiB
            columns.append(chunked if pa.types.is_string(field.type) else chunked.combine_chunks())
            del parts
        table = pa.table(columns, schema=SCHEMA)
        return self._with_decimals_everywhere(table)

    def _symbols(self, column: pa.Array) -> pa.DictionaryArray:
        codes, texts = encode(column)
        return words(codes, [unguard(t) for t in texts.to_pylist()])

    def _named(self, symbol: pa.DictionaryArray, assets: Assets) -> pa.DictionaryArray:
        """Empty symbols of known assets filled in from the table of tokens."""
        codes, texts = symbol.indices.to_numpy(), symbol.dictionary.to_pylist()
        empty = np.array([not t for t in texts])[codes]
        if not empty.any():
            return symbol
        codes = codes.copy()
        for pair in np.unique(assets.pairs[empty]).tolist():
            token = known(*assets.of(pair))
            if token is not None and token.symbol:
                codes[empty & (assets.pairs == pair)] = len(texts)
                texts.append(token.symbol)
        return words(codes, texts)

    def _kinds(
        self,
        cells: Cells,
        payer: pa.DictionaryArray,
        payee: pa.DictionaryArray,
        asset_codes: np.ndarray,
        asset_list: list[str],
    ) -> pa.DictionaryArray:
        codes, given = kinds(cells.get("kind"), cells.rows, self._problems)
        order = [kind.value for kind in Kind]
        number = {word: i for i, word in enumerate(order)}
        empty = np.array([not word for word in given])[codes]
        result = np.array([number.get(word, number[Kind.UNKNOWN]) for word in given], dtype=np.int32)[codes]
        is_native = np.array([a == NATIVE for a in asset_list])[asset_codes]
        native_token = (result == number[Kind.NATIVE]) & ~is_native & ~empty
        result[native_token] = number[Kind.TOKEN]  # `transfer` and `external` of a contract's asset
        if empty.any():
            result[empty & is_native] = number[Kind.NATIVE]
            token = empty & ~is_native
            result[token] = number[Kind.TOKEN]
            result[token & _among(payer, ("", ZERO_ADDRESS))] = number[Kind.MINT]
            result[token & _among(payee, ("", ZERO_ADDRESS))] = number[Kind.BURN]
        return words(result, order)

    def _ends(
        self,
        cells: Cells,
        payer: pa.DictionaryArray,
        payee: pa.DictionaryArray,
        kind: pa.DictionaryArray,
        utxo: np.ndarray,
    ) -> None:
        """Which transfers may lack a payer or a receiver, and that an opening has no payer."""
        no_payer, no_payee = _among(payer, ("",)), _among(payee, ("",))
        parts = _among(kind, (Kind.SPEND, Kind.OUTPUT))
        self._problems.refuse(
            cells,
            "kind",
            parts & ~utxo,
            "is of a transaction with inputs and outputs, which this chain does not have",
            "Correct the chain, or the kind.",
        )
        self._problems.refuse(
            cells,
            "from_address",
            (no_payer & _among(kind, (Kind.SPEND,))) | (~no_payer & _among(kind, (Kind.OUTPUT,))),
            "is at the wrong end",
            "A spend names its owner in from_address, an output in to_address only.",
        )
        # the rows of such a transaction name one end, and the rows that balance it none
        whole = parts | (utxo & no_payer & no_payee & _among(kind, (Kind.FEE, Kind.MINT)))
        no_payer, no_payee = no_payer & ~whole, no_payee & ~whole
        self._problems.refuse(
            cells,
            "from_address",
            no_payer & no_payee,
            "is empty, and so is the receiver",
            "Fill in who paid whom.",
        )
        self._problems.refuse(
            cells,
            "from_address",
            no_payer & ~no_payee & ~_among(kind, _NO_PAYER),
            "is empty: who paid?",
            "Coin from outside has kind opening, mint, withdrawal or issuer.",
        )
        self._problems.refuse(
            cells,
            "to_address",
            no_payee & ~no_payer & ~_among(kind, _NO_RECEIVER),
            "is empty: who received?",
            "Coin that goes outside has kind burn, fee or issuer.",
        )
        self._problems.refuse(
            cells,
            "from_address",
            ~no_payer & _among(kind, (Kind.OPENING,)),
            "pays an opening balance",
            "A row of kind opening states what to_address had before the first row: leave from_address empty.",
        )

    def _excluded(
        self,
        cells: Cells,
        kind: pa.DictionaryArray,
        assets: Assets,
        symbol: pa.DictionaryArray,
    ) -> pa.DictionaryArray:
        order = ["", *EXCLUDED]
        codes, texts = encode(trim(cells.get("excluded")))
        for place, text in enumerate(texts.to_pylist()):
            if text not in order:
                self._problems.refuse(
                    cells,
                    "excluded",
                    codes == place,
                    "is no reason to leave a row out",
                    f"Known: {', '.join(EXCLUDED)}.",
                )
        lookup = [order.index(t) if t in order else 0 for t in texts.to_pylist()]
        result = np.array(lookup, dtype=np.int32)[codes]
        symbols = symbol.dictionary.to_pylist()
        named = assets.pairs * len(symbols) + symbol.indices.to_numpy()
        for triple in np.unique(named).tolist():
            if imitated(*assets.of(triple // len(symbols)), symbols[triple % len(symbols)]) is not None:
                result[(named == triple) & (result == 0)] = order.index("fake_token")
        result[_among(kind, (Kind.POISON,))] = order.index("poison")
        return words(result, order)

    def _decimals(self, cells: Cells, assets: Assets) -> np.ndarray:
        """Decimals by row, -1 where nobody states them; the same asset must have the same everywhere."""
        codes, texts = encode(trim(cells.get("decimals")))
        values = []
        for code, text in enumerate(texts.to_pylist()):
            number = _decimals(text) if text else UNKNOWN
            if number is None:
                self._problems.refuse(
                    cells,
                    "decimals",
                    codes == code,
                    "is not a number of decimals",
                    f"Use 0 to {MAX_DECIMALS}; ETH has 18, USDT 6.",
                )
                number = UNKNOWN
            values.append(number)
        stated = np.array(values, dtype=np.int64)[codes]
        result: np.ndarray = stated.astype(np.int16)
        for key in np.unique(assets.pairs * 100 + stated + 1).tolist():
            pair, number = key // 100, key % 100 - 1
            chain, asset = assets.of(pair)
            mask = (assets.pairs == pair) & (stated == number)
            expected = self._expected(chain, asset)
            if number == UNKNOWN:
                result[mask] = UNKNOWN if expected is None else expected
            elif expected is not None and expected != number:
                self._problems.refuse(
                    cells,
                    "decimals",
                    mask,
                    f"contradicts the {expected} decimals of the asset {shown(asset)}",
                    "One asset has one number of decimals: correct the file.",
                )
            else:
                self._stated[chain, asset] = number
        return result

    def _expected(self, chain: str, asset: str) -> int | None:
        if (chain, asset) in self._stated:
            return self._stated[chain, asset]
        given = self._given.get(asset.lower())
        token = known(chain, asset)
        return given if given is not None else token.decimals if token is not None else None

    def _values(self, column: pa.Array) -> pa.Array:
        """Stated values as plain decimal text; null where empty or not a number, which is counted."""
        texts = pc.ascii_trim(trim(column), "$")
        texts = without_commas(texts)
        good = pc.match_substring_regex(texts, r"^[0-9]{1,40}(\.[0-9]{1,40})?$")
        self._counts["value_unreadable"] += int(
            pc.sum(pc.invert(pc.or_(good, pc.equal(texts, "")))).as_py() or 0
        )
        return pc.if_else(good, texts, None)

    def _grades(self, cells: Cells) -> pa.DictionaryArray:
        codes, texts = encode(trim(cells.get("grade")))
        for place, text in enumerate(texts.to_pylist()):
            if text not in ("", "fact", "declared"):
                self._problems.refuse(
                    cells, "grade", codes == place, "is no grade", "Use fact or declared, or leave it empty."
                )
        return words(codes, [t or "fact" for t in texts.to_pylist()])

    def _with_decimals_everywhere(self, table: pa.Table) -> pa.Table:
        """Decimals that only some rows of an asset state, put into all of them."""
        column = table["decimals"]
        if not column.null_count or not self._stated:
            return table
        clash = sorted(self._guessed & set(self._stated))
        if clash:
            raise InputError(
                f"The file states the decimals of {shown(clash[0][1])} in some rows only.",
                "State them in every row.",
            )
        at = table.schema.get_field_index("decimals")
        filled = column
        for (chain, asset), number in sorted(self._stated.items()):
            same = pc.and_(pc.equal(table["chain"], chain), pc.equal(table["asset"], asset))
            filled = pc.if_else(pc.and_(pc.is_null(filled), same), pa.scalar(number, pa.int16()), filled)
        return table.set_column(at, table.schema.field(at), filled)


def _decimals(text: str) -> int | None:
    return (
        int(text)
        if text.isascii() and text.isdigit() and len(text) < 3 and int(text) <= MAX_DECIMALS
        else None
    )


def _among(column: pa.DictionaryArray, wanted: Iterable[str]) -> np.ndarray:
    """Which rows of a dictionary column hold one of some words."""
    chosen = np.asarray(pc.is_in(column.dictionary, pa.array([str(word) for word in wanted], pa.string())))
    if not chosen.any():
        return np.zeros(len(column), dtype=bool)
    mask: np.ndarray = chosen[np.asarray(column.indices)]
    return mask


def _outside(ends: pa.DictionaryArray, kind: pa.DictionaryArray, of: Kind) -> pa.DictionaryArray:
    """The zero address of mints (payer) and burns (receiver) as "", the outside."""
    mask = _among(ends, (ZERO_ADDRESS,)) & _among(kind, (of,))
    if not mask.any():
        return ends
    texts = ends.dictionary.to_pylist()
    codes = ends.indices.to_numpy().copy()
    codes[mask] = len(texts)
    return words(codes, [*texts, ""])
