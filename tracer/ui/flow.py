"""The flow of stolen coin as nodes and edges for the picture: pure, from result tables to plain values.

One node per address, one edge per pair of addresses, amounts per asset as exact integers. Different assets are
never added; where one number is needed (the width of a line, which flow is small) a flow is compared with the
largest flow of the same asset. The picture is a view: every number here can be found in the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from tracer.addresses import split_account
from tracer.joined import joined
from tracer.ui.printing import missing, whole

__all__ = ["KINDS", "AssetName", "Completeness", "Edge", "Flow", "Node", "build_flow", "kind_of", "weigh"]

KINDS = (
    "seed",
    "unknown",
    "exchange",
    "mixer",
    "bridge",
    "swap",
    "sanctioned",
    "transaction",
    "sink",
    "excluded",
    "fold",
)
"""What a node can be drawn as, in the order of the legend."""

_WORDS = {
    "sanction": "sanctioned",
    "ofac": "sanctioned",
    "mixer": "mixer",
    "coinjoin": "mixer",
    "tumbler": "mixer",
    "bridge": "bridge",
    "swapper": "exchange",
    "swap": "swap",
    "aggregator": "swap",
    "dex": "swap",
    "amm": "swap",
    "router": "swap",
    "exchange": "exchange",
    "service": "exchange",
    "custodian": "exchange",
    "deposit": "exchange",
    "vasp": "exchange",
    "custod": "exchange",
}
_STOPS = {
    "MIXER": "mixer",
    "BRIDGE": "bridge",
    "SERVICE": "exchange",
    "DEPOSIT": "exchange",
    "BURNED": "sink",
}


@dataclass(frozen=True, slots=True)
class AssetName:
    """How an asset is printed: its symbol (hostile text) and decimals (None: print raw units)."""

    symbol: str
    decimals: int | None


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of an address the case has seen: `seen` of `known` transactions (None: nobody said how many there are).

    history: how far its own history is known, a code of `tracer.arrivals.History`.
    """

    seen: int
    known: int | None
    history: str


@dataclass(frozen=True, slots=True)
class Node:
    """An address, or a fold of several. Amounts: asset key -> smallest units.

    `hop` None means a sink; `beside` marks the counterparty of a conversion, or what coin only passed through, drawn
    beside the hop of its customer.
    `inner` is what moved between the members of a fold: it is inside the node, so it is kept here.
    """

    id: str
    chain: str
    address: str
    hop: int | None
    kind: str
    name: str = ""
    stop: str = ""
    beside: bool = False
    rests: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    first: str = ""
    members: tuple[str, ...] = ()
    inner: Mapping[str, int] = field(default_factory=dict)
    weight: float = 0.0
    complete: Completeness | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """All drawn transfers from one node to another. Amounts: asset key -> smallest units."""

    source: str
    target: str
    taint: Mapping[str, int]
    amount: Mapping[str, int]
    count: int
    first: str
    last: str
    kind: str = "flow"
    weight: float = 0.0

    def weighing(self, weight: float) -> Edge:
        """The same edge with that weight (`dataclasses.replace` is five times slower, and there are many edges)."""
        return Edge(
            self.source,
            self.target,
            self.taint,
            self.amount,
            self.count,
            self.first,
            self.last,
            self.kind,
            weight,
        )


@dataclass(frozen=True, slots=True)
class Flow:
    """Nodes and edges in a stable order, and the names of the assets in them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    assets: Mapping[str, AssetName]


def kind_of(category: str, stop: str) -> str:
    """The drawn kind of an address from its label's category, else from the code of why coin stops there.

    >>> kind_of("Exchange (deposit)", ""), kind_of("", "MIXER"), kind_of("", "UNSPENT")
    ('exchange', 'mixer', 'unknown')
    """
    low = category.lower()
    return next((kind for word, kind in _WORDS.items() if word in low), _STOPS.get(stop, "unknown"))


def _text(value: object) -> str:
    return "" if missing(value) else str(value)


def _units(value: object) -> int:
    return whole(value) or 0


def _columns(frame: pd.DataFrame, *names: str) -> Iterable[tuple[object, ...]]:
    """Rows as tuples; a column that the frame does not have is empty."""
    blank = [""] * len(frame)
    return zip(*(list(frame[n]) if n in frame.columns else blank for n in names), strict=True)


def _place(chain: str, address: str) -> str:
    return address if address.startswith("sink:") else f"{chain}:{address}"


def _end(chain: str, address: str, kind: str) -> str:
    """The node at an end of a transfer: where there is no address, the sink for that kind of movement."""
    if address:
        return _place(chain, address)
    return {"fee": "sink:fee", "burn": "sink:burned"}.get(kind, "")


def build_flow(
    addresses: pd.DataFrame,
    transfers: pd.DataFrame,
    *,
    seeds: Iterable[tuple[str, str]] = (),
    labels: Mapping[tuple[str, str], tuple[str, str]] | None = None,
    asset: str | None = None,
    excluded: bool = False,
    since: str = "",
    until: str = "",
    complete: Mapping[tuple[str, str], Completeness] | None = None,
    least: int = 0,
) -> Flow:
    """The flow of a result.

    addresses, transfers: `TaintResult.addresses()` and `.transfers()`. seeds: (chain, address).
    labels: (chain, address) -> (name, category). asset: only this asset key (`chain/ref`). excluded: also draw
    the transfers that were left out of the flow (address poisoning ...), marked as such. since, until: only transfers
    in that period (UTC text of `timestamp_utc`, both ends included, "" for open; a transfer without a time is in none);
    the amounts of a node are those of the whole result all the same. complete: (chain, address) -> how much was seen of
    it. least: only transfers with that many smallest units of stolen coin; for one asset alone.
    """
    labels = labels or {}
    transfers = joined(transfers)
    start = {_place(chain, address) for chain, address in seeds}
    assets: dict[str, AssetName] = {}
    edges = _edges(transfers, asset, assets, excluded=excluded, period=(since, until), least=least)
    rows: dict[str, Node] = {}
    for chain, address, ref, symbol, decimals, taint, received, hop, first, stop in _columns(
        addresses,
        *("chain", "address", "asset", "symbol", "decimals", "taint_raw", "received_taint_raw"),
        *("hop", "first_received_utc", "stop"),
    ):
        key = f"{chain}/{ref}"
        if asset not in (None, key):
            continue
        assets.setdefault(key, AssetName(_text(symbol), whole(decimals)))
        where = _place(str(chain), str(address))
        own_hop, own_first, own_stop = whole(hop), _text(first), _text(stop)
        node = rows.get(where)
        if node is None:
            node = _node(where, str(chain), str(address), labels, start, (own_hop, own_first, own_stop))
        else:  # another asset at the same address: the earliest of both
            hops = [h for h in (node.hop, own_hop) if h is not None]
            moments = [m for m in (node.first, own_first) if m]
            node = replace(
                node,
                hop=min(hops, default=None),
                first=min(moments, default=""),
                stop=node.stop or own_stop,
            )
        for held, value in ((node.rests, _units(taint)), (node.received, _units(received))):
            if value:
                held[key] = held.get(key, 0) + value
        rows[where] = node
    _add_strangers(rows, edges, labels)
    _place_passed(rows, edges)
    everything = not (since or until or least)
    linked = {end for edge in edges for end in (edge.source, edge.target)}
    nodes = tuple(
        rows[k]
        for k in sorted(rows)
        if k in linked or k in start or (everything and rows[k].rests and not k.startswith("sink:"))
    )
    if complete:
        nodes = tuple(  # a transaction that stands for its owners has no transactions of its own
            n if n.address.startswith("tx:") else replace(n, complete=complete.get((n.chain, n.address)))
            for n in nodes
        )
    return weigh(Flow(nodes, tuple(edges), assets))


def _node(
    where: str,
    chain: str,
    address: str,
    labels: Mapping[tuple[str, str], tuple[str, str]],
    seeds: set[str],
    reached: tuple[int | None, str, str],
) -> Node:
    """A node of one row: `reached` is its hop, when it first received, and why coin stops there."""
    hop, first, stop = reached
    name, category = labels.get((chain, address), ("", ""))
    kind = "seed" if where in seeds else "sink" if where.startswith("sink:") else kind_of(category, stop)
    return Node(where, chain, address, hop, kind, name=name, stop=stop, first=first)


def _edges(
    transfers: pd.DataFrame,
    asset: str | None,
    assets: dict[str, AssetName],
    *,
    excluded: bool,
    period: tuple[str, str] = ("", ""),
    least: int = 0,
) -> list[Edge]:
    """Tainted transfers of the period, of `least` units and more, by pair of ends.

    With `excluded`, the left-out ones as pairs of their own.
    """
    since, until = period
    taint: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    amount: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    count: dict[tuple[str, str, str], int] = defaultdict(int)
    times: dict[tuple[str, str, str], tuple[str, str]] = {}
    for chain, source, target, ref, symbol, decimals, raw, part, kind, why, converts, when in _columns(
        transfers,
        *("chain", "from_address", "to_address", "asset", "symbol", "decimals", "amount_raw", "taint_raw"),
        *("kind", "excluded", "converts", "timestamp_utc"),
    ):
        key = f"{chain}/{ref}"
        left_out = _text(why) != ""
        if asset not in (None, key) or (not excluded if left_out else _units(part) < max(least, 1)):
            continue
        moment = _text(when)
        if (since and moment < since) or (until and (not moment or moment > until)):
            continue
        ends = _end(str(chain), _text(source), str(kind)), _end(str(chain), _text(target), str(kind))
        if not all(ends) or ends[0] == ends[1]:
            continue
        drawn = "excluded" if left_out else "convert" if converts is True or converts == 1 else "flow"
        pair = (*ends, drawn)
        assets.setdefault(key, AssetName(_text(symbol), whole(decimals)))
        taint[pair][key] = taint[pair].get(key, 0) + _units(part)
        amount[pair][key] = amount[pair].get(key, 0) + _units(raw)
        count[pair] += 1
        if moment:
            low, high = times.get(pair, (moment, moment))
            times[pair] = min(low, moment), max(high, moment)
    return [
        Edge(p[0], p[1], taint[p], amount[p], count[p], *times.get(p, ("", "")), kind=p[2])
        for p in sorted(count)
    ]


def _add_strangers(
    rows: dict[str, Node], edges: Iterable[Edge], labels: Mapping[tuple[str, str], tuple[str, str]]
) -> None:
    """Nodes for ends that hold no taint: counterparties of conversions and of left-out transfers, sinks."""
    for edge in sorted(edges, key=lambda e: (e.kind == "excluded", e.source, e.target)):
        for end, other in ((edge.target, edge.source), (edge.source, edge.target)):
            if end in rows:
                continue
            chain, address = ("", end) if end.startswith("sink:") else split_account(end)
            name, category = labels.get((chain, address), ("", ""))
            kind = "sink" if not chain else kind_of(category, "")
            kind = "transaction" if address.startswith("tx:") else kind
            near = rows[other].hop if other in rows else 0
            if kind == "unknown" and edge.kind != "flow":
                kind = "swap" if edge.kind == "convert" else "excluded"
            # whoever paid stolen coin without ever holding any was robbed of it: it stands before, never behind
            step = 0 if edge.kind == "convert" else -1 if edge.kind == "flow" and end == edge.source else 1
            hop = None if near is None else near + step
            rows[end] = Node(
                end, chain, address, hop if chain else None, kind, name=name, beside=edge.kind == "convert"
            )


def _place_passed(rows: dict[str, Node], edges: Iterable[Edge]) -> None:
    """Put what coin only passed through, which has no hop, beside who paid into it: it is an address, not a sink."""
    lost = {name for name, node in rows.items() if node.hop is None and not name.startswith("sink:")}
    while lost:
        near: dict[str, list[int]] = defaultdict(list)
        for edge in edges:
            payer = rows.get(edge.source)
            if edge.target in lost and payer is not None and payer.hop is not None:
                near[edge.target].append(payer.hop)
        if not near:
            return
        for name, hops in near.items():
            rows[name] = replace(rows[name], hop=min(hops), beside=True)
        lost -= set(near)


def weigh(flow: Flow) -> Flow:
    """`flow` with weights 0..1: per asset, a flow against the largest flow of the same asset; the largest counts."""
    top: dict[str, int] = {}
    for edge in flow.edges:
        for key, value in edge.taint.items():
            top[key] = max(top.get(key, 0), value)
    for node in flow.nodes:
        for key, value in node.rests.items():
            top.setdefault(key, value)

    def share(amounts: Mapping[str, int]) -> float:
        most = 0.0
        for key, value in amounts.items():
            if top.get(key):
                most = max(most, min(value / top[key], 1.0))
        return most

    through: dict[str, float] = defaultdict(float)
    edges = []
    for edge in flow.edges:
        weight = share(edge.taint)
        through[edge.source] = max(through[edge.source], weight)
        through[edge.target] = max(through[edge.target], weight)
        edges.append(edge if edge.weight == weight else edge.weighing(weight))
    nodes = []
    for node in flow.nodes:
        weight = max(through[node.id], share(node.received), share(node.rests), share(node.inner))
        nodes.append(node if node.weight == weight else replace(node, weight=weight))
    return Flow(tuple(nodes), tuple(edges), flow.assets)
