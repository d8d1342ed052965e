"""A queue of lots as a rope over arrays: what the compiled FIFO and LIFO (`kernels_lots`) are made of.

A queue of lots is a treap in age order; every node also knows the units and the stolen units of its subtree. To
cut off the oldest or newest part, or to append one queue to another, costs O(log lots), so neither a sweep of a
32,000-lot wallet that leaves dust nor two hubs that pay each other back and forth is ever quadratic.

Node 0 is "no node". A node's priority is a mixed-up form of its number (one to one, so no two are equal), which
keeps the shape, and so the time, the same in every run. Treaps: Seidel and Aragon, Randomized Search Trees (1996).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.taint.kernels_wide import U0, add, kernel, less, muldiv, subtract

__all__ = ["CLEAN", "NODE", "append", "push", "relabelled", "scaled", "take", "vine"]

NODE = np.dtype(
    [
        ("left", np.int32),
        ("right", np.int32),
        ("origin", np.int32),  # -1: clean
        ("converted", np.int32),  # 1: its source units stand in their own array; 0: they equal its units
        ("high", np.uint64),  # units of the lot
        ("low", np.uint64),
        ("sum_high", np.uint64),  # units of the subtree
        ("sum_low", np.uint64),
        ("taint_high", np.uint64),  # stolen units of the subtree
        ("taint_low", np.uint64),
    ],
    align=True,
)
"""One lot: 64 bytes, a cache line."""

_NEXT, _FREE = 0, 1  # places in `store`: the first node never used, the head of the list of freed nodes
CLEAN = np.int32(-1)
_NONE = np.int32(0)


@kernel
def _priority(node: Any) -> Any:
    """A one-to-one mixing of the node's number (the finaliser of SplitMix64)."""
    x = np.uint64(node) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def _single(nodes: Any, x: Any) -> None:
    """Make `x` a tree of one lot again."""
    node = nodes[x]
    node.left = _NONE
    node.right = _NONE
    node.sum_high, node.sum_low = node.high, node.low
    if node.origin >= 0:
        node.taint_high, node.taint_low = node.high, node.low
    else:
        node.taint_high, node.taint_low = U0, U0


@kernel
def _new(nodes: Any, store: Any, ah: Any, al: Any, origin: Any) -> Any:
    """A tree of one lot that was never converted."""
    x = store[_FREE]
    if x:
        store[_FREE] = nodes[x].left
    else:
        x = store[_NEXT]
        store[_NEXT] = x + np.int32(1)
    node = nodes[x]
    node.origin = np.int32(origin)
    node.converted = _NONE
    node.high, node.low = ah, al
    _single(nodes, x)
    return x


@kernel
def _grow(nodes: Any, x: Any, y: Any) -> None:
    """Count the subtree of `y` in the subtree of `x` too."""
    node, other = nodes[x], nodes[y]
    node.sum_high, node.sum_low = add(node.sum_high, node.sum_low, other.sum_high, other.sum_low)
    node.taint_high, node.taint_low = add(node.taint_high, node.taint_low, other.taint_high, other.taint_low)


@kernel
def _merge(nodes: Any, a: Any, b: Any) -> Any:
    """All of `a`, then all of `b`."""
    if not a:
        return b
    if not b:
        return a
    root = parent = _NONE
    to_right = False
    pa, pb = _priority(a), _priority(b)
    while True:
        a_on_top = pa > pb
        x = a if a_on_top else b
        _grow(nodes, x, b if a_on_top else a)
        if not parent:
            root = x
        elif to_right:
            nodes[parent].right = x
        else:
            nodes[parent].left = x
        parent, to_right = x, a_on_top
        if a_on_top:
            a = nodes[x].right
            if not a:
                nodes[x].right = b
                return root
            pa = _priority(a)
        else:
            b = nodes[x].left
            if not b:
                nodes[x].left = a
                return root
            pb = _priority(b)


@kernel
def _cut_point(nodes: Any, root: Any, ph: Any, pl: Any) -> Any:
    """Where the first `p` units (0 < p <= all) end: in which lot, how much of it they take, how much is stolen."""
    x = root
    th = tl = U0
    while True:
        left = nodes[nodes[x].left]
        if not less(left.sum_high, left.sum_low, ph, pl):
            x = nodes[x].left
            continue
        ph, pl = subtract(ph, pl, left.sum_high, left.sum_low)
        th, tl = add(th, tl, left.taint_high, left.taint_low)
        node = nodes[x]
        if not less(node.high, node.low, ph, pl):
            if node.origin >= 0:
                th, tl = add(th, tl, ph, pl)
            return x, ph, pl, th, tl
        ph, pl = subtract(ph, pl, node.high, node.low)
        if node.origin >= 0:
            th, tl = add(th, tl, node.high, node.low)
        x = node.right


@kernel
def _differs(source: Any, x: Any, ah: Any, al: Any) -> Any:
    """1 where the source units of a lot are not its units."""
    return np.int32(1) if source[x, 1] != ah or source[x, 0] != al else _NONE


@kernel
def _cut_source(nodes: Any, source: Any, last: Any, piece: Any, kh: Any, kl: Any) -> None:
    """`last` keeps `k` of its units, `piece` gets the rest: share the source units (rounded down for `last`)."""
    node = nodes[last]
    if node.converted:
        mh, ml, _, _ = muldiv(kh, kl, source[last, 1], source[last, 0], node.high, node.low)
        source[piece, 1], source[piece, 0] = subtract(source[last, 1], source[last, 0], mh, ml)
        source[last, 1], source[last, 0] = mh, ml
        rest = nodes[piece]
        rest.converted = _differs(source, piece, rest.high, rest.low)
        node.converted = _differs(source, last, kh, kl)


@kernel
def _cut(nodes: Any, source: Any, store: Any, root: Any, ph: Any, pl: Any) -> Any:
    """(the first `p` units, the rest) for 0 < p < all. Lots of no units at the cut go with the rest."""
    last, kh, kl, th, tl = _cut_point(nodes, root, ph, pl)
    node = nodes[last]
    rh, rl = subtract(node.high, node.low, kh, kl)  # what the cut takes off the lot that it goes through
    sh, sl = (rh, rl) if node.origin >= 0 else (U0, U0)
    piece = _NONE
    if rh != U0 or rl != U0:
        piece = _new(nodes, store, rh, rl, node.origin)
        if source is not None:
            _cut_source(nodes, source, last, piece, kh, kl)
        node.high, node.low = kh, kl
    head = tail = head_end = tail_end = _NONE
    x = root
    while x:
        node = nodes[x]
        left = nodes[node.left]
        in_tail = x != last and not less(left.sum_high, left.sum_low, ph, pl)
        if in_tail:  # all of the first `p` units, and the piece, leave this subtree
            node.sum_high, node.sum_low = subtract(node.sum_high, node.sum_low, ph, pl)
            node.sum_high, node.sum_low = subtract(node.sum_high, node.sum_low, rh, rl)
            node.taint_high, node.taint_low = subtract(node.taint_high, node.taint_low, th, tl)
            node.taint_high, node.taint_low = subtract(node.taint_high, node.taint_low, sh, sl)
            if tail_end:
                nodes[tail_end].left = x
            else:
                tail = x
            tail_end = x
            x = node.left
            continue
        if head_end:
            nodes[head_end].right = x
        else:
            head = x
        head_end = x
        following = node.right
        # Of this subtree exactly the first `p` units stay.
        node.sum_high, node.sum_low = ph, pl
        before_h, before_l = th, tl
        th, tl = subtract(th, tl, left.taint_high, left.taint_low)
        ph, pl = subtract(ph, pl, left.sum_high, left.sum_low)
        if x == last:
            node.taint_high, node.taint_low = before_h, before_l
            node.right = _NONE
            if tail_end:
                nodes[tail_end].left = following
            else:
                tail = following
            break
        node.taint_high, node.taint_low = before_h, before_l
        ph, pl = subtract(ph, pl, node.high, node.low)
        if node.origin >= 0:
            th, tl = subtract(th, tl, node.high, node.low)
        x = following
    if piece:
        tail = _merge(nodes, piece, tail)
    return head, tail


@kernel
def _join_last(nodes: Any, root: Any, origin: Any, ah: Any, al: Any) -> Any:
    """Add `a` to the newest lot, if it is the same coin and never converted; says whether it did."""
    x = root
    while nodes[x].right:
        x = nodes[x].right
    if nodes[x].origin != origin or nodes[x].converted:
        return False
    nodes[x].high, nodes[x].low = add(nodes[x].high, nodes[x].low, ah, al)
    x = root
    while x:
        node = nodes[x]
        node.sum_high, node.sum_low = add(node.sum_high, node.sum_low, ah, al)
        if origin >= 0:
            node.taint_high, node.taint_low = add(node.taint_high, node.taint_low, ah, al)
        x = node.right
    return True


@kernel
def _drop_first(nodes: Any, store: Any, root: Any) -> Any:
    """Remove the oldest lot and free its node."""
    first = root
    while nodes[first].left:
        first = nodes[first].left
    uh, ul, stolen = nodes[first].high, nodes[first].low, nodes[first].origin >= 0
    parent = _NONE
    x = root
    while x != first:
        node = nodes[x]
        node.sum_high, node.sum_low = subtract(node.sum_high, node.sum_low, uh, ul)
        if stolen:
            node.taint_high, node.taint_low = subtract(node.taint_high, node.taint_low, uh, ul)
        parent = x
        x = node.left
    if parent:
        nodes[parent].left = nodes[first].right
    else:
        root = nodes[first].right
    nodes[first].left = store[_FREE]
    store[_FREE] = first
    return root


@kernel
def append(nodes: Any, store: Any, root: Any, other: Any) -> Any:
    """All of `root`, then all of `other`; the two lots that meet are joined where they are the same coin."""
    if not root:
        return other
    if not other:
        return root
    first = other
    while nodes[first].left:
        first = nodes[first].left
    node = nodes[first]
    if not node.converted and _join_last(nodes, root, node.origin, node.high, node.low):
        other = _drop_first(nodes, store, other)
    return _merge(nodes, root, other)


@kernel
def push(nodes: Any, store: Any, root: Any, ah: Any, al: Any, origin: Any) -> Any:
    """One more lot at the newest end."""
    if (ah == U0 and al == U0) or (root and _join_last(nodes, root, np.int32(origin), ah, al)):
        return root
    return _merge(nodes, root, _new(nodes, store, ah, al, origin))


@kernel
def take(nodes: Any, source: Any, store: Any, roots: Any, h: Any, ah: Any, al: Any, newest: Any) -> Any:
    """Cut the oldest (or newest) `a` units off a holding's queue."""
    root = roots[h]
    node = nodes[root]
    if ah == U0 and al == U0:
        return _NONE
    if node.sum_high == ah and node.sum_low == al:
        roots[h] = _NONE
        return root
    if newest:
        kh, kl = subtract(node.sum_high, node.sum_low, ah, al)
        roots[h], taken = _cut(nodes, source, store, root, kh, kl)
        return taken
    taken, roots[h] = _cut(nodes, source, store, root, ah, al)
    return taken


@kernel
def vine(nodes: Any, root: Any) -> Any:
    """Turn a tree into a list by `right`, oldest first (the sums are lost). Returns its first node."""
    first = last = _NONE
    x = root
    while x:
        left = nodes[x].left
        if left:
            nodes[x].left = nodes[left].right
            nodes[left].right = x
            x = left
            continue
        if last:
            nodes[last].right = x
        else:
            first = x
        last = x
        x = nodes[x].right
    return first


@kernel
def scaled(nodes: Any, source: Any, store: Any, root: Any, gh: Any, gl: Any, ah: Any, al: Any) -> Any:
    """The same lots in another asset: boundaries at floor(running total * got / given); source units unchanged."""
    x = vine(nodes, root)
    result = _NONE
    reached_h = reached_l = before_h = before_l = U0
    while x:
        node = nodes[x]
        following = node.right
        if node.origin >= 0 and not node.converted:
            source[x, 1], source[x, 0] = node.high, node.low
        reached_h, reached_l = add(reached_h, reached_l, node.high, node.low)
        ch, cl, _, _ = muldiv(reached_h, reached_l, gh, gl, ah, al)
        node.high, node.low = subtract(ch, cl, before_h, before_l)
        before_h, before_l = ch, cl
        kept = node.high != U0 or node.low != U0
        node.converted = _NONE
        if node.origin >= 0:
            kept = kept or source[x, 1] != U0 or source[x, 0] != U0
            node.converted = _differs(source, x, node.high, node.low)
        if kept:
            _single(nodes, x)
            result = _merge(nodes, result, x)
        else:
            node.left = store[_FREE]
            store[_FREE] = x
        x = following
    return result


@kernel
def relabelled(nodes: Any, store: Any, root: Any, ah: Any, al: Any, origin: Any) -> Any:
    """The first `a` units become stolen coin of `origin`; what is stolen among them keeps its source."""
    x = vine(nodes, root)
    result = _NONE
    while x:
        node = nodes[x]
        following = node.right
        part_h, part_l = (node.high, node.low) if less(node.high, node.low, ah, al) else (ah, al)
        ah, al = subtract(ah, al, part_h, part_l)
        if node.origin < 0 and (part_h != U0 or part_l != U0):
            rest_h, rest_l = subtract(node.high, node.low, part_h, part_l)
            node.left = store[_FREE]
            store[_FREE] = x
            result = push(nodes, store, result, part_h, part_l, origin)
            result = push(nodes, store, result, rest_h, rest_l, CLEAN)
        else:
            _single(nodes, x)
            result = _merge(nodes, result, x)
        x = following
    return result
