"""The files about who controls which addresses and how they behaved: clusters, links, deposits, patterns, link rulings.

A cluster is an opinion: every link names its rule and its transaction, and a link that was taken out stays in the file.
"""

from __future__ import annotations

import pandas as pd

from tracer.export.columns import CHAIN, Column, ColumnKind, Layout

__all__ = ["CLUSTERS", "CLUSTER_LINKS", "DEPOSITS", "LINK_RULINGS", "PATTERNS", "link_ruled"]

_A, _N, _T, _TIME = ColumnKind.AMOUNT, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME
_RAW = "smallest unit of the asset (wei, sat)"
_ASSET = Column("asset", _T, "", "native (the chain's own coin) or the contract address of the token.")
_DECIMALS = Column("decimals", _N, "digits", "Digits after the point of one whole coin; empty when unknown.")
_RULE = "What links: deposit_address, gas_funding, sweep, same_series, common_input, change, or analyst."

CLUSTERS = Layout(
    "clusters.csv",
    "What one address of a cluster got, paid and still holds of one asset. Addresses that no link joins stand alone.",
    (
        Column(
            "cluster_id",
            _T,
            "CAIP-10",
            "The smallest address of the cluster, as canonical names compare (EVM addresses in lower case).",
        ),
        CHAIN,
        Column("address", _T, "", "The address in full."),
        Column(
            "rule", _T, "", "The rules of the links of this address, joined by ;. Empty: it stands alone."
        ),
        Column("evidence_tx", _T, "", "The transactions of these links, in the same order, joined by ;."),
        Column(
            "confidence", _T, "per cent", "How sure each of these links is, in the same order, joined by ;."
        ),
        Column(
            "label", _T, "", "Who is said to control the address: the most confident label; empty if none."
        ),
        Column("label_source", _T, "", "Where that label comes from."),
        Column("received_raw", _A, _RAW, "All that the address ever got, stolen or not."),
        Column("sent_raw", _A, _RAW, "All that it ever paid, fees included."),
        Column("taint_raw", _A, _RAW, "Stolen coin that rests there under the governing rule."),
        _ASSET,
        _DECIMALS,
        Column("first_seen_utc", _TIME, "UTC", "First movement of the asset there; empty when unknown."),
        Column("last_seen_utc", _TIME, "UTC", "Last movement of the asset there; empty when unknown."),
    ),
)
CLUSTER_LINKS = Layout(
    "cluster_links.csv",
    "One link: an opinion that one party controls two addresses. All are listed, also those that were taken out.",
    (
        Column("a", _T, "CAIP-10", "One address."),
        Column("b", _T, "CAIP-10", "The other one."),
        Column("rule", _T, "", _RULE),
        Column("tx", _T, "", "The transaction that shows it; empty when there is none."),
        Column("confidence", _N, "per cent", "How sure, 0 to 100 (docs/accuracy.md)."),
        Column(
            "withdrawn",
            _T,
            "",
            "Why the link unites nothing: a guard, a service or a ruling. Empty: it stands.",
        ),
    ),
)
DEPOSITS = Layout(
    "deposits.csv",
    "One payment to a deposit address of a service, and the payment that forwarded it to the service.",
    (
        CHAIN,
        Column("user", _T, "", "Who paid; empty for a service, or a contract that passed coin on."),
        Column("deposit", _T, "", "The deposit address."),
        Column("service", _T, "", "The service that it forwards to, by its label."),
        _ASSET,
        Column("symbol", _T, "", "What the asset calls itself: display text, never an identity."),
        _DECIMALS,
        Column("paid_raw", _A, _RAW, "What was paid to the deposit address."),
        Column("paid_tx", _T, "", "In which transaction."),
        Column("forwarded_raw", _A, _RAW, "What was forwarded."),
        Column("forwarded_tx", _T, "", "In which transaction."),
        Column(
            "confidence", _N, "per cent", "How sure it is a deposit address, 0 to 100 (docs/accuracy.md)."
        ),
        Column(
            "contract_code",
            _T,
            "",
            "The code of the contract by name (docs/clusters.md); empty where none is known.",
        ),
        Column(
            "same_code",
            _N,
            "",
            "How many other contracts of that code forward there by the same hand; 0 where its code is no evidence.",
        ),
        Column("stop", _T, "", "DEPOSIT where stolen coin stops there by this sign; else empty."),
    ),
)
PATTERNS = Layout(
    "patterns.csv",
    "One observation about how a traced address behaved. It is no proof of anything, and moves no coin.",
    (
        Column(
            "pattern",
            _T,
            "",
            "fan_out, equal_split, fan_in, dormant_then_burst, peel_chain, round_amounts or look_alikes.",
        ),
        CHAIN,
        Column("address", _T, "", "The address in full."),
        Column("observation", _T, "", "What was seen, in words."),
        Column("figures", _T, "", "The same in figures: name=value, joined by ;. Amounts in smallest units."),
        Column("transactions", _T, "", "The transactions, in order and in full, joined by ;."),
        Column("source", _T, "", "Paper or incident that the pattern is known from."),
    ),
)
LINK_RULINGS = Layout(
    "link_rulings.csv",
    "A ruling of an analyst on whether one party controls two addresses.",
    (
        Column("number", _N, "", "Number of the ruling in the case."),
        Column(
            "verdict", _T, "", "accept (a link of the analyst's own) or reject (links that do not count)."
        ),
        Column("a", _T, "CAIP-10", "One address."),
        Column("b", _T, "CAIP-10", "The other one; with reject, the one that comes off."),
        Column("rule", _T, "", "With reject: the rule of the links that are meant; empty: all."),
        Column(
            "tx", _T, "", "With reject: the transaction that is meant, empty: all; with accept: the evidence."
        ),
        Column("confidence", _N, "per cent", "With accept: how sure, 0 to 100."),
        Column("reason", _T, "", "Why."),
        Column("author", _T, "", "Who decided."),
        Column("withdrawn", _T, "", "true when the analyst took it back: then it has no effect."),
    ),
)


def link_ruled(frame: pd.DataFrame) -> pd.DataFrame:
    """`Case.link_rulings` as the file prints them: withdrawn ones marked, without clock times."""
    kept = frame.drop(columns=["made_utc", "withdrawn_utc"])
    kept["withdrawn"] = [bool(time) for time in frame["withdrawn_utc"]]
    return kept
