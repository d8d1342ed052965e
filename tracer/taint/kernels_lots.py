"""FIFO and LIFO over arrays: one pass over the steps, the compiled twin of `tracer.taint.lots`.

A holding's coin is a queue of lots in age order (`kernels_rope`). FIFO takes from its old end, LIFO from its new one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.taint.kernels_pools import CONVERT, CREDIT, MOVE, RELABEL, SEED, STOPPED
from tracer.taint.kernels_rope import CLEAN, append, push, relabelled, scaled, take, vine
from tracer.taint.kernels_wide import U0, add, kernel, subtract

__all__ = ["lots", "sort_out"]


@kernel
def lots(
    newest: Any,
    op: Any,
    src: Any,
    dst: Any,
    origin: Any,
    amount: Any,
    got: Any,
    nodes: Any,
    source: Any,
    roots: Any,
    balance: Any,
    moved: Any,
    brought: Any,
    entered: Any,
) -> None:
    """Run all steps; `roots` (holdings), `balance`, `moved`, `brought` and `entered` ((n, 2), low limb first) fill.

    nodes: NODE, zeros, one per step and one more (no step makes more than one lot); source: (as many, 2), None where
    there is one origin and no conversion.
    """
    store = np.array([1, 0], dtype=np.int32)
    for i in range(len(op)):
        kind, s, d = op[i], src[i], dst[i]
        ah, al = amount[i, 1], amount[i, 0]
        gh, gl = ah, al  # what arrives
        uh = ul = U0
        if kind in (MOVE, CONVERT, STOPPED):
            balance[s, 1], balance[s, 0] = subtract(balance[s, 1], balance[s, 0], ah, al)
        if kind == MOVE:
            taken = take(nodes, source, store, roots, s, ah, al, newest)
            uh, ul = nodes[taken].taint_high, nodes[taken].taint_low
            roots[d] = append(nodes, store, roots[d], taken)
        elif kind in (CREDIT, STOPPED):
            roots[d] = push(nodes, store, roots[d], ah, al, CLEAN)
        elif kind == CONVERT:
            if source is not None:
                gh, gl = got[i, 1], got[i, 0]
                taken = take(nodes, source, store, roots, s, ah, al, newest)
                uh, ul = nodes[taken].taint_high, nodes[taken].taint_low
                taken = scaled(nodes, source, store, taken, gh, gl, ah, al)
                brought[i, 1], brought[i, 0] = nodes[taken].taint_high, nodes[taken].taint_low
                roots[d] = append(nodes, store, roots[d], taken)
        elif kind == SEED:
            uh, ul = ah, al
            roots[d] = push(nodes, store, roots[d], ah, al, origin[i])
        elif kind == RELABEL:
            gh = gl = U0
            th, tl = nodes[roots[d]].taint_high, nodes[roots[d]].taint_low
            roots[d] = relabelled(nodes, store, roots[d], ah, al, origin[i])
            uh, ul = subtract(nodes[roots[d]].taint_high, nodes[roots[d]].taint_low, th, tl)
        balance[d, 1], balance[d, 0] = add(balance[d, 1], balance[d, 0], gh, gl)
        if kind in (SEED, RELABEL):
            o = origin[i]
            entered[o, 1], entered[o, 0] = add(entered[o, 1], entered[o, 0], uh, ul)
        moved[i, 1], moved[i, 0] = uh, ul


@kernel
def sort_out(nodes: Any, source: Any, roots: Any, split: Any) -> None:
    """Sum the stolen lots of every holding by origin into `split` (holdings, origins, 4); the trees are used up."""
    for h in range(len(roots)):
        x = vine(nodes, roots[h])
        while x:
            node = nodes[x]
            if node.origin >= 0:
                entry = split[h, node.origin]
                entry[1], entry[0] = add(entry[1], entry[0], node.high, node.low)
                sh, sl = (source[x, 1], source[x, 0]) if node.converted else (node.high, node.low)
                entry[3], entry[2] = add(entry[3], entry[2], sh, sl)
            x = node.right
