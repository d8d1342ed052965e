"""The files that say where stolen coin rests or leaves: endpoints.csv, its totals per service, and what brought it."""

from __future__ import annotations

from tracer.export.columns import ASSET, CHAIN, Column, ColumnKind, Layout
from tracer.model import Rule

__all__ = ["ENDPOINTS", "ENDPOINTS_BY_SERVICE", "ENDPOINT_TRANSFERS"]

_A, _D, _N, _T = ColumnKind.AMOUNT, ColumnKind.DECIMAL, ColumnKind.NUMBER, ColumnKind.TEXT
_RAW = "smallest unit of the asset (wei, sat)"
_JST = "JST (UTC+9)"

_ENDPOINT = Column(
    "endpoint",
    _T,
    "",
    "service, deposit, mixer, bridge, frozen, parked (not moved on), unread (its history was not read), converted (into"
    " something that the data do not show), recovered, burned or fees.",
)
_ADDRESS = Column(
    "address", _T, "", "The address in full, or sink:fee, sink:burned, sink:converted, sink:recovered."
)
_TAINT = (
    Column("taint_raw", _A, _RAW, "Stolen coin that rests here under the governing rule."),
    Column("taint", _D, "whole coins", "taint_raw as an exact decimal; empty: decimals unknown."),
)
_RULES = tuple(Column(str(rule), _A, _RAW, f"Stolen coin here under the rule {rule}.") for rule in Rule)


def _range(who: str) -> tuple[Column, ...]:
    return (
        Column(
            "at_least_raw",
            _A,
            _RAW,
            f"Stolen coin that must rest at {who} under every admissible accounting; empty: not computed.",
        ),
        Column(
            "at_most_raw",
            _A,
            _RAW,
            f"Stolen coin that can rest at {who} at most in any admissible accounting; empty: not computed.",
        ),
        Column(
            "range_kind",
            _T,
            "",
            "exact: the range is attained at both ends; enclosing: it is safe but may be wider than the truth;"
            " conditional: coin in it rests at inferred deposit addresses, or would have come from them, so it"
            " holds only if they are the service's.",
        ),
    )


def _moment(name: str, meaning: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_utc", ColumnKind.TIME, "UTC", f"{meaning}; empty when unknown."),
        Column(f"{name}_jst", _T, _JST, f"{name}_utc in Japan."),
    )


_ARRIVALS = (
    *_moment("first_arrival", "When stolen coin first came here under the governing rule"),
    *_moment("last_arrival", "When stolen coin last came here under the governing rule"),
)

ENDPOINTS = Layout(
    "endpoints.csv",
    "A place where stolen coin rests or leaves: one (address, asset) with stolen coin under any rule.",
    (
        _ENDPOINT,
        Column("service", _T, "", "Who is behind the address, by the label that names it; empty: no label."),
        Column("label", _T, "", "That label in the words of its source."),
        Column("category", _T, "", "Category of that label: exchange, mixer, bridge ..."),
        Column("label_confidence", _N, "per cent", "How sure the label is, 0 to 100."),
        Column("label_source", _T, "", "Where the label comes from."),
        Column(
            "inferred_confidence",
            _N,
            "per cent",
            "Where coin stops only because the address is taken for a deposit address (docs/clusters.md), how sure that"
            " is; empty: a label or a ruling says so, or it is no deposit address.",
        ),
        CHAIN,
        _ADDRESS,
        *ASSET,
        *_TAINT,
        Column(
            "taint_source_raw",
            ColumnKind.SHARES,
            "smallest unit of the stolen asset",
            "The same stolen coin in units of the asset that was stolen (differs after a conversion).",
        ),
        *_RULES,
        *_range("this address"),
        *_ARRIVALS,
        Column(
            "transfers", _N, "rows", "Rows of endpoint_transfers.csv: movements that brought stolen coin."
        ),
        Column("balance_raw", _A, _RAW, "Everything that the address holds at the end of the data."),
        Column(
            "left_since_raw",
            _A,
            _RAW,
            "What has left the address since stolen coin first came under any rule, fees included, change not.",
        ),
        *_moment("last_left", "When it last paid this asset out since then"),
        Column(
            "still_there",
            _T,
            "",
            "yes: nothing has left since, by a history that was collected to its end; not_seen_to_leave: the imported"
            " files show no payment out, the chain was not asked; partly; no: the balance is 0; unknown: its own"
            " history was not read, or not wholly. Empty for a CoinJoin: its outputs hold what entered.",
        ),
        Column(
            "history",
            _T,
            "",
            "How far its own history is known: whole (collected), partial, file (what the imported files tell) or"
            " unread.",
        ),
        Column(
            "transactions_seen",
            _N,
            "transactions",
            "Transactions of the case in which the address pays or is paid.",
        ),
        Column(
            "transactions_known",
            _N,
            "transactions",
            "How many there are, says the provider that was asked; where the history is unread (a hub), at least so"
            " many; empty: nobody was asked.",
        ),
        Column(
            "theft_value_usd",
            _N,
            "US dollars",
            "What this stolen coin was worth on the day of the theft (see losses.csv), rounded down; empty: no price.",
        ),
        Column("theft_value_jpy", _N, "yen", "The same in yen."),
        Column(
            "hop",
            _N,
            "transactions",
            "Least number of transactions on which stolen coin came here; 0 for a seed.",
        ),
        Column("stop", _T, "", "Why tracing ends here (SERVICE, MIXER, UNSPENT ...); empty for fees."),
    ),
)
ENDPOINTS_BY_SERVICE = Layout(
    "endpoints_by_service.csv",
    "All endpoints of one service and asset together; without a name, all of one sort.",
    (
        Column("service", _T, "", "Who is behind the addresses; empty: no label."),
        Column("endpoint", _T, "", "Sorts of its endpoints, as in endpoints.csv, joined by ;."),
        Column("addresses", _N, "addresses", "How many addresses of it are endpoints."),
        CHAIN,
        *ASSET,
        Column("transfers", _N, "rows", "Distinct movements that brought stolen coin to it."),
        *_TAINT,
        *_RULES,
        *_range("all its addresses together"),
        Column(
            "inferred_addresses",
            _N,
            "addresses",
            "Of its addresses, those only inferred to be deposit addresses.",
        ),
        Column("inferred_raw", _A, _RAW, "The part of taint_raw that rests at those."),
        *_ARRIVALS,
        Column("still_there", _N, "addresses", "Of its addresses, those that nothing has left since."),
        Column(
            "not_seen_to_leave", _N, "addresses", "Those that nothing is seen to leave in the imported files."
        ),
        Column("partly_left", _N, "addresses", "Those that something has left since."),
        Column("left", _N, "addresses", "Those that hold nothing any more."),
        Column("not_known", _N, "addresses", "Those whose own history was not read, or not wholly."),
        Column("stop", _T, "", "Stop codes of its endpoints, joined by ;."),
    ),
)
ENDPOINT_TRANSFERS = Layout(
    "endpoint_transfers.csv",
    "One movement that brought stolen coin to an endpoint under any rule.",
    (
        _ENDPOINT,
        Column("service", _T, "", "Who is behind the endpoint; empty: no label."),
        CHAIN,
        _ADDRESS,
        *ASSET,
        Column("block", _N, "", "Block number; empty when unknown."),
        Column("tx_index", _N, "", "Place of the transaction in the block; empty when unknown."),
        Column("position", _N, "", "Place of the movement in the transaction; empty when unknown."),
        Column("timestamp_utc", ColumnKind.TIME, "UTC", "Time of the block."),
        Column("timestamp_jst", _T, _JST, "The same in Japan."),
        Column("tx_hash", _T, "", "Transaction hash, in full."),
        Column(
            "from_address",
            _T,
            "",
            "Who paid, in full. Bitcoin: the owner of all inputs; tx: and the hash where they have several owners.",
        ),
        Column("from_label", _T, "", "Who is behind the payer; empty: no label."),
        Column("amount_raw", _A, _RAW, "What moved, clean coin included."),
        Column("amount", _D, "whole coins", "amount_raw as an exact decimal; empty: decimals unknown."),
        Column("taint_raw", _A, _RAW, "Stolen coin in it under the governing rule."),
        Column("taint", _D, "whole coins", "taint_raw as an exact decimal; empty: decimals unknown."),
        *(Column(str(rule), _A, _RAW, f"Stolen coin in it under the rule {rule}.") for rule in Rule),
        Column("kind", _T, "", "native, internal, token, mint, ... as in transfers.csv."),
        Column("grade", _T, "", "fact, or declared where an analyst declared the movement."),
        Column("source_name", _T, "", "File or collected history that it stands in."),
        Column("source_sha256", _T, "", "sha256 of that file, or of the list of recorded answers."),
        Column("source_row", _N, "", "Row of it, counted from 1."),
    ),
)
