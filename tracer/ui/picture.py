"""The flow as plain JSON for the canvas: nodes, edges, columns, legend, captions. The renderer knows no case.

The contract is renderer-neutral: every value is a str, int, float, bool, None, list or dict, texts are already in
the reader's language, places are numbers between 0 and 1. Whoever draws it treats every text as hostile.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from tracer.addresses import split_account
from tracer.ui.flow import KINDS, Completeness, Edge, Flow, Node
from tracer.ui.i18n import Words
from tracer.ui.layout import Column, arrange
from tracer.ui.printing import brief_address, brief_amount, clean, exact_amount, utc

__all__ = ["Json", "completeness", "picture", "still_picture"]

Json = dict[str, object]
_LABELLED = 130
"""So many of the heaviest nodes may carry a label; the canvas draws those that do not collide."""


def _amounts(amounts: Mapping[str, int], flow: Flow) -> list[str]:
    """`12.5 ETH` per asset, exact, in the order of the asset key."""
    return [
        f"{exact_amount(value, flow.assets[key].decimals)} {_symbol(key, flow)}"
        for key, value in sorted(amounts.items())
        if value
    ]


def _symbol(key: str, flow: Flow) -> str:
    """The symbol for display; the start of the contract when there is none; `raw` units when decimals are unknown."""
    name = flow.assets[key]
    symbol = clean(name.symbol, 12) or (
        brief_address(key.split("/", 1)[1]) if not key.endswith("/native") else key
    )
    return symbol if name.decimals is not None else f"{symbol} (raw)"


def _shared_names(nodes: Iterable[Node]) -> frozenset[str]:
    """Names that several unidentified addresses bear (a thief's forty wallets): they tell none of them apart."""
    counts = Counter(n.name for n in nodes if n.kind == "unknown" and not n.members and n.name)
    return frozenset(name for name, count in counts.items() if count > 1)


def _label(node: Node, w: Words, shared: Collection[str]) -> str:
    if node.members:
        count = len(node.members)
        if node.name:
            return f"{clean(node.name, 28)} \N{MULTIPLICATION SIGN}{count}"
        if node.id.endswith(":excluded"):
            return w("canvas.left_out", count=f"{count:,}")
        return w("canvas.others", count=f"{count:,}")
    if node.id.startswith("sink:"):
        return w.one_of("sink", node.address.removeprefix("sink:"))
    told_apart = node.kind != "unknown" or node.name not in shared
    return (told_apart and clean(node.name, 28)) or brief_address(node.address)


def _main(amounts: Mapping[str, int], flow: Flow) -> str:
    """The largest amount (in whole units) in short form; `+n` when other assets are there too."""
    sized = sorted((-(v // 10 ** (flow.assets[k].decimals or 0)), -v, k) for k, v in amounts.items() if v)
    if not sized:
        return ""
    _, value, key = sized[0]
    more = f" +{len(sized) - 1}" if len(sized) > 1 else ""
    return f"{brief_amount(-value, flow.assets[key].decimals)} {_symbol(key, flow)}{more}"


def completeness(complete: Completeness, w: Words) -> str:
    """How many of its transactions the case has, and how far its own history is known."""
    seen = f"{complete.seen:,}"
    if complete.known is None:
        count = w("details.seen_only", seen=seen)
    else:  # a hub's transactions are counted only until the limit is passed
        key = "details.seen_least" if complete.history in {"unread", "file"} else "details.seen"
        count = w(key, seen=seen, known=f"{complete.known:,}")
    return f"{count} \N{MIDDLE DOT} {w('col.history')}: {w.one_of('history', complete.history)}"


def _node(
    node: Node,
    place: tuple[float, float, float],
    rank: int,
    paid: Mapping[str, int],
    flow: Flow,
    w: Words,
    shared: Collection[str],
) -> Json:
    lines = [w.one_of("kind", node.kind)]
    if not node.members and not node.id.startswith("sink:"):
        lines[:0] = [clean(node.address), *([clean(node.name)] if node.name else [])]
    if node.stop:
        lines.append(f"{w('canvas.stop')}: {node.stop}")
    lines += [f"{w('canvas.rests')}: {text}" for text in _amounts(node.rests, flow)[:6]]
    lines += [f"{w('canvas.received')}: {text}" for text in _amounts(node.received, flow)[:6]]
    lines += [f"{w('canvas.inner')}: {text}" for text in _amounts(node.inner, flow)[:6]]
    if node.first:
        lines.append(f"{w('canvas.first')}: {utc(node.first)}")
    if node.complete is not None:
        lines.append(completeness(node.complete, w))
    return {
        "id": node.id,
        "x": place[0],
        "y": place[1],
        "kind": node.kind,
        "gap": place[2],
        "passed": not node.rests and node.kind in {"unknown", "seed"},
        "weight": round(node.weight, 6),
        "rank": rank,
        "label": _label(node, w, shared),
        "sub": _main(node.received or paid or node.rests or node.inner, flow),
        "stop": node.stop,
        "count": len(node.members),
        "find": " ".join(
            [node.address, clean(node.name), *(split_account(m)[1] for m in node.members)]
        ).lower(),
        "lines": lines,
    }


def _edge(edge: Edge, flow: Flow, w: Words) -> Json:
    count = w("canvas.transfers", count=f"{edge.count:,}")
    taint = [f"{w('canvas.tainted')}: {text}" for text in _amounts(edge.taint, flow)[:6]]
    moved = [f"{w('canvas.moved')}: {text}" for text in _amounts(edge.amount, flow)[:6]]
    when = [utc(edge.first)] if edge.first == edge.last else [f"{utc(edge.first)} - {utc(edge.last)}"]
    return {
        "source": edge.source,
        "target": edge.target,
        "kind": edge.kind,
        "weight": round(edge.weight, 6),
        "lines": [f"{w.one_of('edge', edge.kind)}, {count}", *taint, *moved, *(t for t in when if t)],
    }


def _title(column: Column, w: Words) -> str:
    if column.hop is None:
        return w("canvas.sinks")
    if column.beside:
        return w("canvas.beside")
    if column.hop < 0:
        return w("canvas.before")
    return w("canvas.theft") if column.hop == 0 else w("canvas.hop", hop=column.hop)


def _through(flow: Flow) -> Mapping[str, Mapping[str, int]]:
    """Per node, the stolen coin on its incoming edges; for a seed, on its outgoing ones."""
    sums: dict[str, dict[str, int]] = {n.id: {} for n in flow.nodes}
    seeds = {n.id for n in flow.nodes if n.kind == "seed"}
    for edge in flow.edges:
        for end in {edge.source} & seeds | {edge.target} - seeds:
            for key, value in edge.taint.items():
                sums[end][key] = sums[end].get(key, 0) + value
    return sums


def _counted(count: int, w: Words) -> str:
    return w("canvas.addresses", count=f"{count:,}")


def _members(column: Column, nodes: Mapping[str, Node]) -> int:
    return sum(max(len(nodes[n].members), 1) for n in column.nodes)


def still_picture(flow: Flow, w: Words) -> Json:
    """What does not change with a click: nodes, edges, columns and legend of a (folded) flow, and their `rev`."""
    layout = arrange(flow)
    columns = max(len(layout.columns), 1)
    nodes = {n.id: n for n in flow.nodes}
    heavy = sorted(
        flow.nodes, key=lambda n: (n.kind != "seed", n.kind in {"unknown", "excluded"}, -n.weight, n.id)
    )
    rank = {n.id: i for i, n in enumerate(heavy)}
    kinds = {n.kind for n in flow.nodes}
    through = _through(flow)
    shared = _shared_names(flow.nodes)
    drawn: Json = {
        "nodes": [
            _node(
                n,
                ((layout.places[n.id][0] + 0.5) / columns, layout.places[n.id][1], layout.gaps[n.id]),
                rank[n.id],
                through[n.id],
                flow,
                w,
                shared,
            )
            for n in flow.nodes
        ],
        "edges": [
            _edge(e, flow, w) for e in sorted(flow.edges, key=lambda e: (e.weight, e.source, e.target))
        ],
        "columns": [
            {
                "x": (i + 0.5) / columns,
                "title": _title(c, w),
                "sub": _counted(_members(c, nodes), w) if c.hop is not None else "",
            }
            for i, c in enumerate(layout.columns)
        ],
        "legend": [
            *({"kind": k, "text": w.one_of("kind", k), "passed": False} for k in KINDS if k in kinds),
            {"kind": "unknown", "text": w("canvas.passed"), "passed": True},
        ],
        "labels": _LABELLED,
    }
    drawn["rev"] = hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()[:16]
    return drawn


def picture(
    flow: Flow,
    w: Words,
    *,
    still: Json | None = None,
    caption: Sequence[str] = (),
    selected: str = "",
    turn: int = 0,
    route: Collection[tuple[str, str]] = (),
    total: int | None = None,
    name: str = "flow",
) -> Json:
    """The picture of a (folded) flow. still: its `still_picture`, if it was made before.

    caption: lines for the exported image (case, rule, as of, conventions). selected: node id that the page chose at its
    `turn`-th choice (a click in the picture needs no answer). route: pairs of node
    ids to highlight. total: number of addresses in the whole flow. name: file name stem of exports.
    """
    drawn = dict(still or still_picture(flow, w))
    drawn["selected"] = selected
    drawn["turn"] = turn
    drawn["route"] = [f"{a}>{b}" for a, b in sorted(route)]
    drawn["caption"] = [clean(line, 240) for line in caption]
    drawn["status"] = w(
        "canvas.status",
        shown=f"{sum(not n.members for n in flow.nodes):,}",
        total=f"{total or len(flow.nodes):,}",
        edges=f"{len(flow.edges):,}",
    )
    drawn["name"] = name
    drawn["texts"] = {
        "search": w("canvas.search"),
        "fit": w("canvas.fit"),
        "zoom_in": w("canvas.zoom_in"),
        "zoom_out": w("canvas.zoom_out"),
        "full": w("canvas.full"),
        "svg": "SVG",
        "png": "PNG",
        "picture": w("canvas.label"),
        "found": w("canvas.found"),
        "width": w("canvas.width"),
    }
    return drawn
