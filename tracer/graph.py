"""The flow of stolen coin as a networkx graph: addresses are nodes, movements are edges.

The graph is a view of the result tables and can always be rebuilt from them: it computes no taint and holds no fact
that the tables lack. Amounts are exact integers per asset; amounts of different assets are never added. The one
float is `share`, the width of an edge in a picture: it is never printed as an amount.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from networkx import DiGraph, MultiDiGraph

from tracer.addresses import split_account
from tracer.collapse import Collapsed, collapse, layout_tables
from tracer.errors import InputError
from tracer.flowtable import FlowTable, column, node_id, seconds, small_number
from tracer.joined import joined

__all__ = ["FlowGraph"]

_PER_ASSET = {"taint": "taint_raw", "balance": "balance_raw", "received": "received_taint_raw"}


@dataclass(frozen=True)
class FlowGraph:
    """Who paid stolen coin to whom.

    nx: a MultiDiGraph. Node id: CAIP-10 (`eip155:1:0x...`) or `sink:<name>`; attributes chain, address, label,
    category, seed, hop (None: unknown), stop, taint / balance / received ({asset key: smallest units}), first, last
    (UTC seconds of its edges, None unknown). A Bitcoin-like transaction in which coin of several owners meets is a node
    of its own, `chain:tx:<txid>` (`tracer.joined`). Edge key: `tx_hash/position/row`, row = number in the transfers
    table; attributes asset, amount, taint (smallest units), share, time, order (block, tx_index, position), row, tx,
    kind, converts, excluded, source_name, source_row.
    assets: {asset key: (symbol, decimals)}; a symbol is display text from whoever made the contract.
    scale: {asset key: part of a theft that one smallest unit stands for}; share = taint * scale.
    """

    nx: MultiDiGraph[str]
    assets: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    rule: str = ""
    as_of: int | None = None

    @classmethod
    def build(
        cls,
        addresses: pd.DataFrame,
        transfers: pd.DataFrame,
        *,
        seeds: Collection[str],
        labels: Mapping[str, tuple[str, str]] | None = None,
        rule: str = "",
        as_of: int | None = None,
        all_transfers: bool = False,
        scale: Mapping[str, float] | None = None,
    ) -> FlowGraph:
        """Build from the result tables (docs/formats.md: taint file, transfers file), transfers in ledger order.

        seeds: node ids. labels: node id -> (name, category). all_transfers: also the movements that carry no stolen
        coin, and the excluded ones, marked. scale: see `tracer.paths.asset_scales`; without it, a share is the part
        of all stolen coin of its asset (what the addresses and sinks of the table hold together).

        >>> row = {
        ...     "chain": "c",
        ...     "tx_hash": "0x1",
        ...     "position": 1,
        ...     "asset": "native",
        ...     "amount_raw": 5,
        ...     "taint_raw": 5,
        ... }
        >>> transfers = pd.DataFrame([row | {"from_address": "a", "to_address": "b"}])
        >>> held = {"chain": "c", "address": "b", "asset": "native", "taint_raw": 5, "hop": 1}
        >>> flow = FlowGraph.build(pd.DataFrame([held]), transfers, seeds={"c:a"})
        >>> [(u, v, key, d["taint"]) for u, v, key, d in flow.nx.edges(keys=True, data=True)]
        [('c:a', 'c:b', '0x1/1/0', 5)]
        """
        transfers = joined(transfers)
        taint = [int(str(v)) for v in column(transfers, "taint_raw", 0)]
        rows = [row for row, units in enumerate(taint) if units or all_transfers]
        table = FlowTable.read(transfers.iloc[rows])
        nodes = _nodes(addresses, table, frozenset(seeds), labels or {}, everything=all_transfers)
        _times(nodes, table)
        names = dict(zip(table.assets, zip(table.symbol, table.decimals, strict=True), strict=True))
        names |= _asset_names(addresses)
        scale = dict(scale) if scale is not None else _pool_scale(nodes)
        graph: MultiDiGraph[str] = MultiDiGraph(rule=rule, as_of=as_of)
        graph.add_nodes_from(sorted(nodes.items()))
        for payer, payee, key, attributes in _edges(table, rows, scale):
            graph.add_edge(payer, payee, key, **attributes)
        return cls(graph, dict(sorted(names.items())), scale, rule, as_of)

    def aggregate(self) -> DiGraph[str]:
        """One edge per pair of addresses.

        Edge attributes: amount, taint ({asset key: smallest units}), share, count, first, last. Excluded movements
        are counted in `excluded`, not in the sums.
        """
        whole: DiGraph[str] = DiGraph(**self.nx.graph)
        whole.add_nodes_from(self.nx.nodes(data=True))
        for payer, payee, d in self.nx.edges(data=True):
            if not whole.has_edge(payer, payee):
                whole.add_edge(
                    payer, payee, amount={}, taint={}, share=0.0, count=0, excluded=0, first=None, last=None
                )
            edge = whole[payer][payee]
            if d["excluded"]:
                edge["excluded"] += 1
                continue
            for name in ("amount", "taint"):
                edge[name][d["asset"]] = edge[name].get(d["asset"], 0) + d[name]
            edge["share"] += d["share"]
            edge["count"] += 1
            _widen(edge, d["time"])
        return whole

    def subgraph(
        self,
        nodes: Iterable[str] | None = None,
        *,
        hops: int | None = None,
        min_taint: int | None = None,
        asset: str | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> FlowGraph:
        """The part of the graph that meets every condition given.

        nodes: only these. hops: only addresses up to this hop (sinks stay). asset: only edges of this asset key.
        min_taint: only edges with at least so many smallest units of `asset` (which must then be given: units of
        different assets cannot be compared). since, until: UTC seconds, both inclusive; an edge without a time stays.
        Addresses that lose all their edges leave, except seeds and those named in `nodes`.
        """
        if min_taint is not None and asset is None:
            raise InputError(
                "A smallest amount needs an asset.",
                "Give asset=..., for units of different assets do not compare.",
            )
        named = None if nodes is None else frozenset(nodes)
        low, high = -(2**63) if since is None else since, 2**63 if until is None else until
        inside = {
            node
            for node, d in self.nx.nodes(data=True)
            if (named is None or node in named) and (hops is None or d["hop"] is None or d["hop"] <= hops)
        }
        edges = [
            (u, v, key, d)
            for u, v, key, d in self.nx.edges(keys=True, data=True)
            if u in inside
            and v in inside
            and (asset is None or d["asset"] == asset)
            and (min_taint is None or d["taint"] >= min_taint)
            and (d["time"] is None or low <= d["time"] <= high)
        ]
        filtered = not (asset is None and since is None and until is None)
        used = {end for u, v, _, _ in edges for end in (u, v)}
        part: MultiDiGraph[str] = MultiDiGraph(**self.nx.graph)
        for node, d in self.nx.nodes(data=True):
            if node in inside and (not filtered or node in used or d["seed"] or node in (named or ())):
                part.add_node(node, **d)
        for u, v, key, d in edges:
            part.add_edge(u, v, key, **d)
        return FlowGraph(part, self.assets, self.scale, self.rule, self.as_of)

    def collapse(self, max_nodes: int = 150, keep: Collection[str] = ()) -> Collapsed:
        """The aggregated graph with small flows folded into "+N others" per hop (see `tracer.collapse`)."""
        return collapse(self.aggregate(), max_nodes, keep)

    def layout_input(self, max_nodes: int | None = None, keep: Collection[str] = ()) -> dict[str, Any]:
        """Plain JSON values for a picture: {"nodes": [...], "edges": [...], "options": {...}}.

        Amounts are decimal strings of smallest units (JSON numbers are not exact), widths are `share`.
        """
        view = self.collapse(max_nodes if max_nodes is not None else max(1, len(self.nx)), keep)
        tables = layout_tables(view, self.assets)
        return tables | {"options": {"rule": self.rule, "as_of": self.as_of}}


def _nodes(
    addresses: pd.DataFrame,
    table: FlowTable,
    seeds: frozenset[str],
    labels: Mapping[str, tuple[str, str]],
    *,
    everything: bool,
) -> dict[str, dict[str, Any]]:
    """Attributes by node id: the addresses that stolen coin reached, the seeds, and both ends of every edge."""
    found: dict[str, dict[str, Any]] = {}
    used = set(table.nodes) | seeds
    names = ("chain", "address", "asset", "stop", "first_received_utc")
    texts = [[str(v) for v in column(addresses, name, "")] for name in names]
    first = seconds(column(addresses, "first_received_utc", ""))
    hops = [small_number(v) for v in column(addresses, "hop", None)]
    units = [
        [None if v is None or v == "" else int(str(v)) for v in column(addresses, name, None)]
        for name in _PER_ASSET.values()
    ]
    for i, (chain, address, ref, stop, _) in enumerate(zip(*texts, strict=True)):
        node = node_id(chain, address)
        if not (everything or units[0][i] or units[2][i] or node in used):
            continue
        if node not in found:
            found[node] = _blank(node, seeds, labels)
        d = found[node]
        for name, values in zip(_PER_ASSET, units, strict=True):
            if values[i] is not None:
                d[name][f"{chain}/{ref}"] = d[name].get(f"{chain}/{ref}", 0) + values[i]
        d["stop"] = d["stop"] or stop
        d["hop"] = _least(d["hop"], hops[i])
        d["first"] = _least(d["first"], first[i])
    for node in used - found.keys():
        found[node] = _blank(node, seeds, labels)
    return found


def _blank(node: str, seeds: frozenset[str], labels: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Attributes of a node of which only the id is known."""
    chain, address = split_account(node)
    sink = node.startswith("sink:")
    kind = "sink" if sink else "transaction" if address.startswith("tx:") else ""
    label, category = labels.get(node, ("", kind))
    return {
        "chain": "" if sink else chain,
        "address": node if sink else address,
        "label": label,
        "category": category,
        "seed": node in seeds,
        "hop": 0 if node in seeds else None,
        "stop": "",
        "taint": {},
        "balance": {},
        "received": {},
        "first": None,
        "last": None,
    }


def _edges(
    table: FlowTable, rows: list[int], scale: Mapping[str, float]
) -> Iterable[tuple[str, str, str, dict[str, Any]]]:
    """Every row of the table that changes hands as an edge, in ledger order."""
    kinds = [str(v) for v in column(table.frame, "kind", "")]
    excluded = [str(v) for v in column(table.frame, "excluded", "")]
    place = table.places
    nodes, assets = table.nodes, table.assets
    per_unit = [scale.get(asset, 0.0) for asset in assets]
    columns = zip(
        *(table.payer, table.payee, table.asset, table.amount, table.taint, table.time, table.converts),
        *(place[name] for name in ("tx_hash", "block", "tx_index", "position", "source_name", "source_row")),
        *(rows, kinds, excluded, table.inner),
        strict=True,
    )
    for (
        payer,
        payee,
        asset,
        amount,
        taint,
        time,
        converts,
        tx,
        block,
        index,
        position,
        name,
        at,
        row,
        kind,
        why,
        inner,
    ) in columns:
        if inner:
            continue
        attributes = {
            "asset": assets[asset],
            "amount": amount,
            "taint": taint,
            "share": taint * per_unit[asset],
            "time": time,
            "order": (block, index, position),
            "row": row,
            "tx": tx,
            "kind": kind,
            "converts": converts,
            "excluded": why,
            "source_name": name,
            "source_row": at,
        }
        yield nodes[payer], nodes[payee], f"{tx}/{'' if position is None else position}/{row}", attributes


def _asset_names(addresses: pd.DataFrame) -> dict[str, tuple[str, int | None]]:
    """{asset key: (symbol, decimals)} from the addresses table, first row of each asset."""
    names: dict[str, tuple[str, int | None]] = {}
    parts = [column(addresses, name, "") for name in ("chain", "asset", "symbol", "decimals")]
    for chain, ref, symbol, decimals in zip(*parts, strict=True):
        names.setdefault(f"{chain}/{ref}", (str(symbol), small_number(decimals)))
    return names


def _pool_scale(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """{asset key: 1 / all stolen coin of that asset}: what addresses and sinks hold is stolen + converted in."""
    total: dict[str, int] = {}
    for d in nodes.values():
        for asset, units in d["taint"].items():
            total[asset] = total.get(asset, 0) + units
    return {asset: 1 / units for asset, units in sorted(total.items()) if units}


def _least(a: int | None, b: int | None) -> int | None:
    """The smaller of two numbers that may be unknown."""
    return b if a is None else a if b is None else min(a, b)


def _widen(d: dict[str, Any], time: int | None) -> None:
    """Stretch `first` .. `last` over one more time."""
    d["first"] = _least(d["first"], time)
    if time is not None:
        d["last"] = time if d["last"] is None else max(d["last"], time)


def _times(nodes: Mapping[str, dict[str, Any]], table: FlowTable) -> None:
    """First and last time of each node from its movements, excluded ones apart."""
    seen = [{"first": None, "last": None} for _ in table.nodes]
    for payer, payee, time, followed in zip(
        table.payer, table.payee, table.time, table.followed, strict=True
    ):
        if followed and time is not None:
            for end in (payer, payee):
                _widen(seen[end], time)
    for node, d in zip(table.nodes, seen, strict=True):
        nodes[node]["first"] = _least(nodes[node]["first"], d["first"])
        nodes[node]["last"] = d["last"]
