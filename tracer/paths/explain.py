"""Why there is no path: the first place where coin would have had to flow back in time, or change asset unseen."""

from __future__ import annotations

from collections import deque

from tracer.errors import shown
from tracer.flowtable import FlowTable
from tracer.times import utc_text

__all__ = ["why_no_path"]

_IMPORT = "Import the missing transfers if there are any."


def why_no_path(table: FlowTable, start: int, goal: int) -> tuple[str, str]:
    """(message, hint) for two node codes between which no path was found."""
    begin, end = shown(table.nodes[start]), shown(table.nodes[goal])
    message = f"No coin can have flowed from {begin} to {end}."
    rows = [row for row, followed in enumerate(table.followed) if followed and table.amount[row]]
    if not any(table.payer[row] == start for row in rows):
        return message, f"{begin} pays nothing in the imported transfers. {_IMPORT}"
    if not any(table.payee[row] == goal for row in rows):
        return message, f"{end} receives nothing in the imported transfers. {_IMPORT}"
    way = _any_order(table, rows, start, goal)
    if way is None:
        return message, f"Not even in any order of time are they linked by transfers. {_IMPORT}"
    arrived = _arrivals(table, rows, start)
    if goal in arrived:
        return message, (
            "They are linked only by payments in different assets, or across a swap that the coin did not take."
            " If it was swapped on the way, declare the conversion."
        )
    broken = next(i for i, node in enumerate(way) if node not in arrived)
    payer, payee = way[broken - 1], way[broken]
    last = max(row for row in rows if (table.payer[row], table.payee[row]) == (payer, payee))
    first = arrived[payer]
    who, whom = shown(table.nodes[payer]), shown(table.nodes[payee])
    if first < last:
        return message, (
            f"The coin arrives at {who} {_when(table, first)}, but what {who} pays to {whom} comes from other outputs."
        )
    return message, (
        f"The coin would have had to flow back in time: it first arrives at {who} {_when(table, first)}, after"
        f" the last payment from there to {whom} {_when(table, last)}."
    )


def _when(table: FlowTable, row: int) -> str:
    """Time and transaction of a row, as far as known."""
    text = utc_text(table.time[row])
    tx = str(table.evidence([row])[0]["tx_hash"])
    return " ".join(
        part for part in (f"at {text}" if text else "", f"(tx {shown(tx)})" if tx else "") if part
    )


def _any_order(table: FlowTable, rows: list[int], start: int, goal: int) -> list[int] | None:
    """Nodes of a shortest chain of payments when time and asset are ignored."""
    paid: dict[int, dict[int, None]] = {}
    for row in rows:
        paid.setdefault(table.payer[row], {})[table.payee[row]] = None
    before = {start: start}
    pending = deque([start])
    while pending and goal not in before:
        node = pending.popleft()
        for payee in paid.get(node, ()):
            if payee not in before:
                before[payee] = node
                pending.append(payee)
    if goal not in before:
        return None
    way = [goal]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]


def _arrivals(table: FlowTable, rows: list[int], start: int) -> dict[int, int]:
    """Node -> first row in which coin from the start can have come there, whatever its asset; the start: -1."""
    arrived = {start: -1}
    places: set[int] = set()
    for row in rows:
        if table.payer[row] == start or table.comes[row] in places:
            places.add(table.goes[row])
            arrived.setdefault(table.payee[row], row)
    return arrived
