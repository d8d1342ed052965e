"""Files that the investigator already has, as one movement table: all or nothing, every digit kept.

`read_transfers` recognises the kind of file by its content and column names, reads it in blocks, and either gives
a table with everything that has to be said about it, or raises one FileError that names the first bad row and what
to do. Nothing is stored here. Formats and rules for the investigator: docs/import.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracer.addresses import chain_id, chain_name
from tracer.chains.cells import Cells
from tracer.chains.convert import Converter
from tracer.chains.core_blocks import holds_blocks, read_blocks
from tracer.chains.csv_formats import Layout, recognise
from tracer.chains.csv_guard import unguard
from tracer.chains.duplicates import identical_rows, repeated_positions
from tracer.chains.etl_formats import read_tokens, read_traces, read_transactions
from tracer.chains.explorer_formats import read_internal, read_native
from tracer.chains.extra_json import as_json
from tracer.chains.flags import flag
from tracer.chains.problems import ENOUGH, Problems
from tracer.chains.text_table import Limits, TextTable, open_table
from tracer.chains.utxo_jsonl import holds_transactions, read_whole
from tracer.chains.utxo_rows import table_of
from tracer.errors import FileError, shown
from tracer.memory import give_back
from tracer.model import Gap, Kind, Label

__all__ = ["FileImport", "Limits", "read_transfers"]

_SHAPES: Mapping[str, Callable[[Cells, Problems, Counter[str]], Cells]] = {
    "etl_tokens": read_tokens,
    "etl_traces": read_traces,
    "etl_transactions": read_transactions,
    "explorer_internal": read_internal,
    "explorer_native": read_native,
}
_WHOLE_FILE = ("etl_traces",)
_LABEL_CONFIDENCE = 30  # a name in a stranger's table, until an analyst confirms it


@dataclass(frozen=True)
class FileImport:
    """What a file says.

    table: tracer.movements.SCHEMA, in file order. format: which kind of file it was taken for. sha256: of the file
    as given. rows: data rows in the file (a row can be several movements). gaps: what is missing, assumed or left
    out. warnings: lines for the person who imports. labels: names that the file gives to addresses, as suggestions.
    partial: the file is not the full history of its addresses.
    """

    table: pa.Table
    format: str
    sha256: str
    rows: int
    gaps: tuple[Gap, ...]
    warnings: tuple[str, ...]
    name: str
    labels: tuple[Label, ...] = ()
    partial: bool = False


def read_transfers(
    path_or_bytes: str | Path | bytes,
    *,
    chain: str | None = None,
    mapping: Mapping[str, str] | None = None,
    partial: bool = False,
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits | None = None,
) -> FileImport:
    """Read a CSV/TSV, JSON lines or Parquet file (also gzip or zstd) of transfers.

    chain: CAIP-2 id or name; must agree with the file's own column if there is one. mapping: field -> the file's
    column, `=text` for a constant, `decimals:CONTRACT` -> `=6`. name: shown in messages. progress(done, total):
    bytes of the file (rows of a Parquet file).
    Raises FileError (or InputError for `chain`); then nothing of the file is to be used.
    """
    source = path_or_bytes if isinstance(path_or_bytes, bytes) else Path(path_or_bytes)
    name = name or (source.name if isinstance(source, Path) else "the file")
    given = chain_id(chain) if chain is not None else None
    if not mapping and holds_transactions(source):
        return _transactions(source, name, given, partial=partial, limits=limits)
    if not mapping and holds_blocks(source):
        return _transactions(source, name, given, partial=partial, limits=limits, blocks=True)
    text = open_table(source, name, limits or Limits(), progress)
    layout = recognise(text.headers, name, mapping)
    _refuse_floats(text, layout, name)
    problems = Problems(name, layout.header_of)
    counts: Counter[str] = Counter()
    labels: set[tuple[str, str]] = set()
    converter = Converter(
        problems,
        counts,
        chain=given,
        assumed_chain=layout.assumed_chain,
        commas=layout.commas,
        decimals_of=layout.decimals_of,
    )
    rows = 0
    for cells in _batches(text, layout):
        rows = max(rows, int(cells.rows[-1]) if len(cells) else 0)
        _feed(converter, cells, layout, problems, counts)
        _collect_labels(cells, labels)
        if problems.rows > ENOUGH:
            problems.raise_first(complete=False)
    if text.refused_rows:
        raise _ragged(text, name)
    problems.raise_first()
    if not rows:
        raise FileError(
            f"{shown(name)} has a header but no rows.", "Check that the export or filter kept its rows."
        )
    table, gaps = flag(_without_repetition(converter.table(), problems))
    give_back(rows)
    gaps += _gaps(table, layout, given, counts, partial=partial)
    warnings = [*text.warnings, *(gap.message for gap in gaps if gap.code != "look_alike")]
    return FileImport(
        table,
        f"{layout.name} ({text.container})",
        text.sha256,
        rows,
        tuple(gaps),
        tuple(warnings),
        name,
        _labels(labels, given or layout.assumed_chain, name),
        partial,
    )


def _transactions(
    source: Path | bytes,
    name: str,
    chain: str | None,
    *,
    partial: bool,
    limits: Limits | None,
    blocks: bool = False,
) -> FileImport:
    """Whole transactions, as JSON lines or in blocks: each becomes several rows of the same source row."""
    read = (read_blocks if blocks else read_whole)(source, name, limits)
    others = sorted({t.chain for t in read.transactions} - {chain})
    if chain is not None and others:
        raise FileError(
            f"{shown(name)} holds transactions of {others[0]}, but {chain} was given.", "Leave --chain out."
        )
    table = table_of(read.transactions, read.rows)
    gaps = [Gap("partial_history", _PARTIAL, chain=chain or "", status="assumption")] if partial else []
    table, flags = flag(table)
    gaps += flags
    warnings = tuple(gap.message for gap in gaps)
    rows = len(read.rows)
    return FileImport(
        table,
        "getblock (JSON)" if blocks else "utxo (JSON lines)",
        read.sha256,
        rows,
        tuple(gaps),
        warnings,
        name,
        partial=partial,
    )


def _batches(text: TextTable, layout: Layout) -> Iterator[Cells]:
    """Batches by field, without blank rows; everything at once for formats that need the whole file."""
    done = 0
    parts = []
    for columns in text.batches:
        count = len(columns[0])
        numbers = np.arange(done + 1, done + count + 1)
        done += count
        blank = _blank(columns)
        if blank is not None:
            columns, numbers = [c.filter(pc.invert(blank)) for c in columns], numbers[~np.asarray(blank)]
        named = {field: columns[index] for field, index in layout.columns.items()}
        # columns that no field uses travel along under names that no field has
        named |= {f"+{layout.headers[index]}": columns[index] for index in layout.extra}
        cells = Cells(named, numbers)
        cells = cells.having(**{f: c for f, c in layout.constants.items() if f not in named})
        if layout.shape in _WHOLE_FILE:
            parts.append(cells)
        else:
            yield cells
    if parts:
        whole = {n: pa.concat_arrays([p.columns[n] for p in parts]) for n in parts[0].columns}
        yield Cells(whole, np.concatenate([p.rows for p in parts]))


def _blank(columns: list[pa.Array]) -> pa.Array | None:
    """Rows of empty cells only, as spreadsheets leave them below a table; None if there are none."""
    blank = None
    for column in columns:
        empty = pc.equal(column, "")
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return None
    return blank


def _feed(
    converter: Converter, cells: Cells, layout: Layout, problems: Problems, counts: Counter[str]
) -> None:
    reader = _SHAPES.get(layout.shape)
    if reader is not None:
        cells = reader(cells, problems, counts)
    extra = as_json({n[1:]: c for n, c in cells.columns.items() if n.startswith("+")}, len(cells))
    converter.feed(cells, extra)


def _refuse_floats(text: TextTable, layout: Layout, name: str) -> None:
    for field in ("amount_raw", "amount", "value_in", "value_out", "fee"):
        header = layout.header_of.get(field)
        if header in text.float_columns:
            raise FileError(
                f"{shown(name)}, column {shown(header)} holds floating-point numbers, which cannot carry "
                f"amounts exactly.",
                "Write the column as decimal, integer or text.",
            )


def _ragged(text: TextTable, name: str) -> FileError:
    others = text.refused_rows - 1
    also = f" {others:,} other row{'s have' if others > 1 else ' has'} the same problem." if others else ""
    return FileError(
        f"{shown(name)}: the row {text.refused}.{also} Nothing was imported.",
        "Check separators and quotes in that row; text with a comma belongs in double quotes.",
    )


def _without_repetition(table: pa.Table, problems: Problems) -> pa.Table:
    again, earlier = repeated_positions(table)
    if len(again):
        rows = table["row"].take(pa.array(again)).to_numpy()
        problems.add(
            "position",
            "repeated",
            rows,
            str(table["position"][int(again[0])].as_py()),
            f"stands in the same transaction with the same asset as in data row {earlier}",
            "A position is unique inside a transaction: remove the row if it is a copy, "
            "else give each movement its own position or leave them empty.",
        )
        problems.raise_first()
    return table


def _gaps(
    table: pa.Table, layout: Layout, given: str | None, counts: Counter[str], *, partial: bool
) -> list[Gap]:
    gaps = []

    def say(code: str, message: str, status: str = "assumption") -> None:
        gaps.append(Gap(code, message, chain=given or "", status=status))

    if given is None and layout.assumed_chain and not {"chain"} & {*layout.columns, *layout.constants}:
        name = chain_name(layout.assumed_chain)
        say("chain_assumed", f"The file names no chain; it was read as {name} ({layout.assumed_chain}).")
    if partial:
        say("partial_history", _PARTIAL)
    if not pc.any(pc.equal(table["kind"], Kind.FEE.value)).as_py() and layout.shape != "usd_flows":
        say("fees_absent", "The file has no fee rows: transaction fees are not in the accounts.")
    count, first = identical_rows(table)
    if count:
        say(
            "identical_rows",
            f"{count:,} row{'s repeat' if count > 1 else ' repeats'} an earlier one (same transaction, payer, "
            f"receiver, asset and amount, no position); all are kept as separate transfers (first: data row "
            f"{first[0]}). If they are copies, remove them from the file.",
            "open",
        )
    for code, text in _COUNTED.items():
        if counts[code]:
            say(code, text.format(n=f"{counts[code]:,}"))
    if layout.shape == "etl_tokens":
        say(
            "nft_possible",
            "ethereum-etl writes NFT transfers into the same file; their amount is a token id.",
        )
    if layout.shape == "etl_traces":
        say(
            "traces_hold_top_level",
            "traces.csv holds the top-level payments too: do not import transactions.csv.",
        )
    return gaps


_PARTIAL = "The file is not the full history of its addresses (said at import)."

_COUNTED = {
    "decimals_assumed": "{n} left-out rows are of tokens whose decimals nobody states; their amounts are shown "
    "as if they had 18.",
    "exponent": "{n} amounts are written with a negative exponent; they were read exactly as written, but a "
    "spreadsheet may have rounded them before.",
    "failed_transaction": "{n} failed transactions moved no value; only their fees are kept.",
    "not_a_transfer": "{n} call frames moved no value and are no transfers.",
    "reverted_call": "{n} call frames with value were reverted and moved nothing.",
    "value_unreadable": "{n} stated values are not numbers and were left empty.",
}


def _collect_labels(cells: Cells, labels: set[tuple[str, str]]) -> None:
    for end in ("from", "to"):
        texts = cells.columns.get(f"{end}_label")
        if texts is not None:
            named = pc.not_equal(pc.ascii_trim_whitespace(texts), "")
            addresses = pc.ascii_lower(cells.get(f"{end}_address").filter(named)).to_pylist()
            labels.update(zip(addresses, texts.filter(named).to_pylist(), strict=True))


def _labels(found: set[tuple[str, str]], chain: str, name: str) -> tuple[Label, ...]:
    return tuple(
        Label(chain, address, unguard(text).strip(), confidence=_LABEL_CONFIDENCE, source=name)
        for address, text in sorted(found)
    )
