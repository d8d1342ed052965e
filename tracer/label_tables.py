"""Labels as tables: of the addresses of a case, where sources disagree, and what a change of labels changes.

The third is the before and after of any other set of labels: the same facts are computed twice, and every address
whose name, stop or stolen coin differs is listed, with the lines of the conservation account that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pandas as pd

from tracer.endpoint_kinds import kind_of
from tracer.labels.book import ANY_EVM, HEURISTIC, LabelBook
from tracer.labels.stopping import stop_code
from tracer.model import Asset, Label, Rule
from tracer.results import TaintResult, frame
from tracer.times import utc_text
from tracer.tracing import Tracing

__all__ = [
    "CONFLICT_COLUMNS",
    "DIFF_COLUMNS",
    "LABEL_COLUMNS",
    "conflicts_frame",
    "diff_frame",
    "labels_frame",
]

Display = Callable[[str, str], str]

LABEL_COLUMNS = [
    *["chain", "address", "name", "category", "confidence", "source", "entity", "role", "source_type"],
    *[
        "valid_from_utc",
        "valid_to_utc",
        "listed_utc",
        "delisted_utc",
        "delisted_reason",
        "licence",
        "seen_utc",
    ],
    *["pack", "in_force", "sanctions_hit", "number", "author", "made_utc", "withdrawn_utc"],
]
CONFLICT_COLUMNS = [
    *[
        "chain",
        "address",
        "entities",
        "entity",
        "name",
        "category",
        "role",
        "confidence",
        "stop",
        "source_type",
    ],
    *["source", "pack", "shown"],
]
DIFF_COLUMNS = [
    *["what", "chain", "address", "asset", "symbol", "decimals", "before", "after", "change_raw", "because"]
]


def labels_frame(
    book: LabelBook, accounts: Iterable[tuple[str, str]], given: Sequence[Label], display: Display
) -> pd.DataFrame:
    """Every label of some (chain, address), the one that names it first, and all labels of the analyst.

    given: the analyst's labels in their order, those taken back too.
    """
    gone: dict[tuple[str, str], list[Label]] = {}
    for label in given:
        if label.withdrawn_at is not None:
            gone.setdefault((label.chain, label.address), []).append(label)
    listed = set(accounts)
    known = {address for _, address in listed}
    listed |= {(x.chain, x.address) for x in given if x.chain != ANY_EVM or x.address not in known}
    rows = [
        _row(label, book, chain, display)
        for chain, address in sorted(listed)
        for label in (
            *book.of(chain, address),
            *gone.get((chain, address), ()),
            *gone.get((ANY_EVM, address), ()),
        )
    ]
    return _at(book, frame(rows, LABEL_COLUMNS))


def _at(book: LabelBook, table: pd.DataFrame) -> pd.DataFrame:
    """The table, which says in `attrs` at which time a label counts as in force and an entry as a hit."""
    table.attrs = {"as_of_utc": utc_text(book.as_of)}
    return table


def _row(label: Label, book: LabelBook, chain: str, display: Display) -> tuple[object, ...]:
    days = (label.valid_from, label.valid_to, label.listed_at, label.delisted_at)
    return (
        (chain, display(chain, label.address), label.name, label.category, label.confidence, label.source)
        + (label.entity, label.role, label.source_type, *map(utc_text, days), label.delisted_reason)
        + (label.licence, utc_text(label.seen_at), label.pack, label.in_force(book.as_of))
        + (label in book.sanctions(chain, label.address), label.number)
        + (label.author, utc_text(label.made_at), utc_text(label.withdrawn_at))
    )


def conflicts_frame(book: LabelBook, accounts: Iterable[tuple[str, str]], display: Display) -> pd.DataFrame:
    """Where labels in force give one of these (chain, address) to different parties: one row per label.

    `shown` marks the label that names the address; `stop` is where coin would stop by that label alone.
    """
    rows: list[tuple[object, ...]] = []
    for chain, address in sorted(set(accounts)):
        found = book.conflict(chain, address)
        if found is None:
            continue
        entities = "; ".join(found.entities)
        best = book.best(chain, address)
        rows += [
            (chain, display(chain, address), entities, label.who, label.name, label.category, label.role)
            + (label.confidence, stop_code(label) or "", label.source_type, label.source, label.pack)
            + (label == best,)
            for label in found.labels
        ]
    return _at(book, frame(rows, CONFLICT_COLUMNS))


def diff_frame(before: Tracing, after: Tracing, rule: Rule) -> pd.DataFrame:
    """What differs between two states of a case that rest on the same facts, under `rule`.

    what: label (the name shown), stop (where tracing ends, also by inference), held (stolen coin that rests there,
    smallest units), at_<sort of endpoint> (what rests at all of them), account_<line> (of the conservation account).
    because: the labels that decide, before and after.
    """
    rows = [*_names(before, after), *_stops(before, after), *_held(before, after, rule)]
    return frame([*rows, *_accounts(before, after, rule)], DIFF_COLUMNS)


def _names(before: Tracing, after: Tracing) -> Iterator[tuple[object, ...]]:
    for chain, address in sorted(set(before.ledger.addresses)):
        old, new = (t.full_book.best(chain, address) for t in (before, after))
        texts = [label.who if label else "" for label in (old, new)]
        if texts[0] != texts[1]:
            sources = " -> ".join(
                f"{x.pack or x.source_type}: {x.source}" if x else "none" for x in (old, new)
            )
            yield ("label", chain, after.display(chain, address), "", "", None, *texts, None, sources)


def _stops(before: Tracing, after: Tracing) -> Iterator[tuple[object, ...]]:
    for chain, address in sorted({*before.all_stops, *after.all_stops}):
        codes = [t.all_stops.get((chain, address), "") for t in (before, after)]
        if codes[0] != codes[1]:
            why = " -> ".join(_because(t.full_book, chain, address) for t in (before, after))
            yield ("stop", chain, after.display(chain, address), "", "", None, *codes, None, why)


def _because(book: LabelBook, chain: str, address: str) -> str:
    label = book.stop(chain, address)
    if label is None:
        return "none"
    inferred = ", inferred" if label.source_type == HEURISTIC else ""
    return f"{label.who} ({label.category}, {label.confidence}{inferred})"


def _held(before: Tracing, after: Tracing, rule: Rule) -> Iterator[tuple[object, ...]]:
    tables = [_amounts(t.result(rule).addresses(ranges=False)) for t in (before, after)]
    for key in sorted({*tables[0], *tables[1]}):
        old, new = (table.get(key) for table in tables)
        known = new or old
        assert known is not None  # noqa: S101 - the key is of one of them
        units = [row[0] if row else 0 for row in (old, new)]
        if units[0] != units[1]:
            chain, address, asset = key
            yield (
                "held",
                chain,
                address,
                asset,
                *known[1:],
                str(units[0]),
                str(units[1]),
                units[1] - units[0],
                "",
            )


def _amounts(table: pd.DataFrame) -> dict[tuple[str, str, str], tuple[int, str, int | None]]:
    columns = [table[name] for name in ("chain", "address", "asset", "taint_raw", "symbol", "decimals")]
    found: dict[tuple[str, str, str], tuple[int, str, int | None]] = {}
    for chain, address, asset, units, symbol, decimals in zip(*columns, strict=True):
        found[str(chain), str(address), str(asset)] = (int(units), str(symbol), decimals)
    return found


def _accounts(before: Tracing, after: Tracing, rule: Rule) -> Iterator[tuple[object, ...]]:
    """Lines of the conservation account, and what rests at each sort of endpoint."""
    tables = [_lines(t.result(rule)) for t in (before, after)]
    for key in sorted({*tables[0], *tables[1]}):
        units = [table.get(key, 0) for table in tables]
        if units[0] != units[1]:
            what, asset = key
            yield (
                (what, asset.chain, "", asset.ref, asset.symbol, asset.decimals)
                + (str(units[0]), str(units[1]), units[1] - units[0], "")
            )


def _lines(result: TaintResult) -> dict[tuple[str, Asset], int]:
    found: dict[tuple[str, Asset], int] = {}
    for asset, account in zip(result.program.assets, result.tally.accounts, strict=True):
        for line in ("stolen", "converted_in", "held", "fee", "burned", "recovered", "converted_out"):
            found[f"account_{line}", asset] = getattr(account, line)
    for held in result.listing.holdings:
        if units := result.outcome.taint[held.number]:
            key = (f"at_{kind_of(held)}", held.asset)
            found[key] = found.get(key, 0) + units
    return found
