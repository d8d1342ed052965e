"""The two files that `tracer batch --out DIR` writes beside the folders of the cases."""

from __future__ import annotations

from tracer.export.columns import ASSET, CHAIN, Column, ColumnKind, Layout

__all__ = ["BATCH", "OVERLAP"]

_A, _N, _T, _TIME = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME

BATCH = Layout(
    "batch.csv",
    "What became of one case of the batch.",
    (
        Column("case", _T, "", "Name of the case."),
        Column("state", _T, "", "traced, or failed: then step, problem and hint say why."),
        Column("seeds", _N, "seeds", "Seeds of the case."),
        Column("files", _N, "files", "Imported files."),
        Column("histories", _N, "addresses", "Addresses whose history was asked for."),
        Column("rule", _T, "", "The governing rule of the case."),
        Column("as_of_utc", _TIME, "UTC", "Up to when its facts go."),
        Column("addresses", _N, "addresses", "Addresses that stolen coin came to under that rule."),
        Column("hops", _N, "transactions", "Hops of the furthest of them."),
        Column("open_gaps", _N, "gaps", "Open gaps; see gaps.csv of the case."),
        Column("step", _T, "", "Where a failed case failed."),
        Column("problem", _T, "", "What failed."),
        Column("hint", _T, "", "What to do about it."),
    ),
)
OVERLAP = Layout(
    "overlap.csv",
    "What one case says of an address that it shares with another: the same address, or one of the same cluster.",
    (
        CHAIN,
        Column("address", _T, "", "The address in full."),
        Column("cases", _N, "cases", "How many cases share the address, or else the cluster."),
        Column("case", _T, "", "The case that this row is about."),
        *ASSET,
        Column("taint_raw", _A, "smallest unit of the asset", "Stolen coin of the case that rests there."),
        Column(
            "received_taint_raw",
            _A,
            "smallest unit of the asset",
            "Stolen coin of the case that ever arrived.",
        ),
        Column("hop", _N, "transactions", "Least number of transactions on which it came; 0 for a seed."),
        Column("first_received_utc", _TIME, "UTC", "When it first arrived."),
        Column("stop", _T, "", "Why tracing ends there in that case."),
        Column("label", _T, "", "Who is behind the address in that case; empty: no label."),
        Column("label_source", _T, "", "Where that label comes from."),
        Column(
            "shared",
            _T,
            "",
            "address: coin of several cases came to it; cluster: to addresses of its cluster.",
        ),
        Column(
            "cluster_id",
            _T,
            "",
            "The cluster, by its smallest member as canonical names compare (EVM addresses in lower case); empty: the"
            " address is in none.",
        ),
    ),
)
