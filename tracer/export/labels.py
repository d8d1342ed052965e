"""The files about labels: every label of the addresses of a case, where sources disagree, what a change changes."""

from __future__ import annotations

from tracer.export.columns import Column, ColumnKind, Layout

__all__ = ["LABELS", "LABEL_CONFLICTS", "LABEL_DIFF"]

_N, _T, _TIME, _A = ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME, ColumnKind.AMOUNT
_CHAIN = Column("chain", _T, "CAIP-2", "The chain, e.g. eip155:1 for Ethereum; eip155:* for every EVM chain.")
_ADDRESS = Column("address", _T, "", "The address in full.")
_NAME = Column("name", _T, "", "Who controls it, in the words of the source.")
_CATEGORY = Column("category", _T, "", "exchange, mixer, bridge ...; some categories end the tracing there.")
_CONFIDENCE = Column("confidence", _N, "per cent", "How sure, 0 to 100; below 50 the label stops nothing.")
_SOURCE = Column("source", _T, "", "Where it is from: a public URL, a citation, or the analyst's words.")
_ROLE = Column("role", _T, "", "What the address does: hot_wallet, reserve, router, pool, theft ...")
_TYPE = Column(
    "source_type",
    _T,
    "",
    "law_enforcement, sanctions, victim, protocol, investigator, heuristic, analyst or pack.",
)
_PACK = Column("pack", _T, "", "The label pack that says so; empty for a label of the analyst.")

LABELS = Layout(
    "labels.csv",
    "An opinion about who controls an address; of several about one address the one that names it stands first.",
    (
        _CHAIN,
        _ADDRESS,
        _NAME,
        _CATEGORY,
        _CONFIDENCE,
        _SOURCE,
        Column("entity", _T, "", "Who that is; empty: the name says it."),
        _ROLE,
        _TYPE,
        Column("valid_from_utc", _TIME, "UTC", "From when it holds; empty: always."),
        Column("valid_to_utc", _TIME, "UTC", "From when it no longer holds; empty: never."),
        Column("listed_utc", _TIME, "UTC", "When the entry was put on its list."),
        Column(
            "delisted_utc", _TIME, "UTC", "When the entry was lifted: from then on it is no sanctions hit."
        ),
        Column("delisted_reason", _T, "", "Why it was lifted."),
        Column("licence", _T, "", "Under which the fact is published."),
        Column("seen_utc", _TIME, "UTC", "When the source was read."),
        _PACK,
        Column("in_force", _T, "", "true when it holds at the as_of of the case; else it has no effect."),
        Column(
            "sanctions_hit", _T, "", "true for an entry of a sanctions list that was in force at that time."
        ),
        Column("number", _N, "", "Number of the analyst's label in the case; empty for packs."),
        Column("author", _T, "", "Who gave the analyst's label."),
        Column("withdrawn", _T, "", "true when the analyst took it back: then nothing rests on it."),
    ),
)
LABEL_CONFLICTS = Layout(
    "label_conflicts.csv",
    "One of several labels in force that give an address to different parties.",
    (
        _CHAIN,
        _ADDRESS,
        Column("entities", _T, "", "All parties that are named, joined by `; `."),
        Column("entity", _T, "", "The party that this label names."),
        _NAME,
        _CATEGORY,
        _ROLE,
        _CONFIDENCE,
        Column("stop", _T, "", "Where coin would stop by this label alone; empty: nowhere."),
        _TYPE,
        _SOURCE,
        _PACK,
        Column("shown", _T, "", "true for the label that names the address in tables and pictures."),
    ),
)
LABEL_DIFF = Layout(
    "label_diff.csv",
    "What a change of labels changes, under the governing rule.",
    (
        Column(
            "what",
            _T,
            "",
            "label (who is named), stop (where the tracing ends), held (stolen coin that rests there), at_<sort of "
            "endpoint> (what rests at all of them), account_<line> (of the conservation account).",
        ),
        _CHAIN,
        Column("address", _T, "", "The address in full; empty for lines of an asset."),
        Column("asset", _T, "", "native or the contract; empty for labels and stops."),
        Column("symbol", _T, "", "What the asset calls itself."),
        Column("decimals", _N, "digits", "Digits after the point of one whole coin; empty when unknown."),
        Column("before", _T, "", "Text, or smallest units of the asset."),
        Column("after", _T, "", "The same afterwards."),
        Column("change_raw", _A, "smallest unit of the asset", "after - before, for amounts."),
        Column("because", _T, "", "The labels that decide, before -> after."),
    ),
)
