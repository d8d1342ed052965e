"""Poison, haircut, seniority and LIBR over arrays: the compiled twin of `tracer.taint.engine` on pools.

One pass over the steps; the state of a holding is two 128-bit integers (balance, stolen part) and, where sources
have to be told apart, the split of the stolen part by origin. Without a split (None) the code that keeps it is not
even compiled: that halves the first wait. It must give the numbers of the plain engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.taint.kernels_wide import U0, U1, add, kernel, less, muldiv, subtract
from tracer.taint.program import Op

__all__ = ["HAIRCUT", "LIBR", "SENIORITY", "poison", "pools"]

HAIRCUT, SENIORITY, LIBR = 0, 1, 2
"""Numbers of the rules in `pools`."""

CREDIT, SEED, MOVE, STOPPED, CONVERT, RELABEL = (int(op) for op in Op)
LOW, HIGH, TAINT_LOW, TAINT_HIGH = 0, 1, 2, 3
UNITS, SOURCE = 0, 2  # places in a split entry: units low, units high, source low, source high


@kernel
def _pro_rata(ah: Any, al: Any, th: Any, tl: Any, bh: Any, bl: Any) -> Any:
    """floor(a * t / b), plus 1 if its remainder is larger than the kept part's (a < b)."""
    qh, ql, rh, rl = muldiv(ah, al, th, tl, bh, bl)
    kh, kl = subtract(bh, bl, rh, rl)
    if less(kh, kl, rh, rl):  # the kept part's remainder is b - rest
        qh, ql = add(qh, ql, U0, U1)
    return qh, ql


@kernel
def _taken(rule: Any, ah: Any, al: Any, row: Any) -> Any:
    """How much of `a`, taken from a holding with more than that, is stolen."""
    th, tl, bh, bl = row[TAINT_HIGH], row[TAINT_LOW], row[HIGH], row[LOW]
    if rule == HAIRCUT:
        return _pro_rata(ah, al, th, tl, bh, bl)
    if rule == SENIORITY:
        return (ah, al) if less(ah, al, th, tl) else (th, tl)
    lh, ll = subtract(bh, bl, ah, al)
    return subtract(th, tl, lh, ll) if less(lh, ll, th, tl) else (U0, U0)


@kernel
def _take_entry(entry: Any, ph: Any, pl: Any, carry: Any) -> None:
    """Move `p` units of one split entry, and their source units, into `carry`."""
    uh, ul, sh, sl = entry[UNITS + 1], entry[UNITS], entry[SOURCE + 1], entry[SOURCE]
    mh, ml = ph, pl
    if uh != sh or ul != sl:
        mh, ml = U0, U0
        if uh == ph and ul == pl:
            if uh != U0 or ul != U0:
                mh, ml = sh, sl
        elif uh != U0 or ul != U0:
            mh, ml = _pro_rata(ph, pl, sh, sl, uh, ul)
    carry[UNITS + 1], carry[UNITS], carry[SOURCE + 1], carry[SOURCE] = ph, pl, mh, ml
    entry[UNITS + 1], entry[UNITS] = subtract(uh, ul, ph, pl)
    entry[SOURCE + 1], entry[SOURCE] = subtract(sh, sl, mh, ml)


@kernel
def _take_split(split: Any, ah: Any, al: Any, th: Any, tl: Any, carry: Any, rest: Any) -> None:
    """Take `a` of `t` stolen units out of the split, pro rata."""
    if ah == th and al == tl:
        carry[:] = split
        split[:] = U0
        return
    if len(split) == 1:
        carry[0, 1], carry[0, 0] = ah, al
    else:
        _apportion(split, ah, al, th, tl, carry, rest)
    for origin in range(len(split)):
        _take_entry(split[origin], carry[origin, 1], carry[origin, 0], carry[origin])


@kernel
def _apportion(split: Any, ah: Any, al: Any, th: Any, tl: Any, carry: Any, rest: Any) -> None:
    """`a` of `t` units in proportion to the entries, largest remainder first, ties to the lower origin."""
    left_h, left_l = ah, al
    present = 0
    for origin in range(len(split)):
        uh, ul = split[origin, UNITS + 1], split[origin, UNITS]
        carry[origin] = U0
        rest[origin] = U0
        if uh != U0 or ul != U0:
            present += 1
            # The share of an origin is its units * a / t, which is below both.
            qh, ql, rh, rl = muldiv(ah, al, uh, ul, th, tl)
            carry[origin, 1], carry[origin, 0] = qh, ql
            rest[origin, 1], rest[origin, 0] = rh, rl
            left_h, left_l = subtract(left_h, left_l, qh, ql)
    for _ in range(present):
        if left_l == U0:
            break
        best = -1
        for origin in range(len(split)):
            if rest[origin, 1] == U0 and rest[origin, 0] == U0:
                continue
            if best < 0 or less(rest[best, 1], rest[best, 0], rest[origin, 1], rest[origin, 0]):
                best = origin
        rest[best] = U0
        carry[best, 1], carry[best, 0] = add(carry[best, 1], carry[best, 0], U0, U1)
        left_l -= U1


@kernel
def _leave(rule: Any, row: Any, ah: Any, al: Any) -> Any:
    """Take `a` out of a holding; returns the stolen units in it."""
    th, tl, bh, bl = row[TAINT_HIGH], row[TAINT_LOW], row[HIGH], row[LOW]
    if ah == bh and al == bl:
        uh, ul = th, tl
    elif th == U0 and tl == U0:
        uh, ul = U0, U0
    else:
        uh, ul = _taken(rule, ah, al, row)
    row[HIGH], row[LOW] = subtract(bh, bl, ah, al)
    row[TAINT_HIGH], row[TAINT_LOW] = subtract(th, tl, uh, ul)
    return uh, ul


@kernel
def _leave_split(row: Any, uh: Any, ul: Any, split: Any, carry: Any, rest: Any) -> None:
    """After `u` stolen units left a holding: the split of them goes to `carry`."""
    th, tl = add(row[TAINT_HIGH], row[TAINT_LOW], uh, ul)
    if uh != U0 or ul != U0 or (row[HIGH] == U0 and row[LOW] == U0):
        _take_split(split, uh, ul, th, tl, carry, rest)
    else:
        carry[:] = U0


@kernel
def _arrive(row: Any, ah: Any, al: Any, uh: Any, ul: Any) -> None:
    row[HIGH], row[LOW] = add(row[HIGH], row[LOW], ah, al)
    row[TAINT_HIGH], row[TAINT_LOW] = add(row[TAINT_HIGH], row[TAINT_LOW], uh, ul)


@kernel
def _join(split: Any, carry: Any) -> None:
    for origin in range(len(split)):
        for place in (UNITS, SOURCE):
            split[origin, place + 1], split[origin, place] = add(
                split[origin, place + 1], split[origin, place], carry[origin, place + 1], carry[origin, place]
            )


@kernel
def _scale(carry: Any, gh: Any, gl: Any, ah: Any, al: Any) -> Any:
    """Units of another asset: boundaries at floor(running total * got / given); returns what they add up to."""
    reached_h = reached_l = before_h = before_l = U0
    for origin in range(len(carry)):
        reached_h, reached_l = add(reached_h, reached_l, carry[origin, 1], carry[origin, 0])
        ch, cl, _, _ = muldiv(reached_h, reached_l, gh, gl, ah, al)
        carry[origin, 1], carry[origin, 0] = subtract(ch, cl, before_h, before_l)
        before_h, before_l = ch, cl
    return before_h, before_l


@kernel
def _enter(split: Any, origin: Any, ah: Any, al: Any) -> None:
    """Coin of `origin` that was not stolen before: as many source units as units."""
    entry = split[origin]
    for place in (UNITS, SOURCE):
        entry[place + 1], entry[place] = add(entry[place + 1], entry[place], ah, al)


@kernel
def pools(
    rule: Any,
    op: Any,
    src: Any,
    dst: Any,
    origin: Any,
    amount: Any,
    got: Any,
    state: Any,
    split: Any,
    moved: Any,
    brought: Any,
    entered: Any,
) -> None:
    """Run all steps; `state` (holdings, 4), `split` (holdings, origins, 4), `moved`, `brought` and `entered` fill.

    amount, got, moved, brought, entered: (n, 2) uint64, low limb first. split is None where there is one origin
    and no conversion.
    """
    if split is not None:
        carry = np.zeros((split.shape[1], 4), dtype=np.uint64)
        rest = np.zeros((split.shape[1], 2), dtype=np.uint64)
    for i in range(len(op)):
        kind, d = op[i], dst[i]
        ah, al = amount[i, 1], amount[i, 0]
        uh = ul = U0
        if kind == MOVE:
            row = state[src[i]]
            uh, ul = _leave(rule, row, ah, al)
            if split is not None:
                _leave_split(row, uh, ul, split[src[i]], carry, rest)
                _join(split[d], carry)
            _arrive(state[d], ah, al, uh, ul)
        elif kind == CREDIT:
            _arrive(state[d], ah, al, U0, U0)
        elif kind == STOPPED:
            row = state[src[i]]
            row[HIGH], row[LOW] = subtract(row[HIGH], row[LOW], ah, al)
            _arrive(state[d], ah, al, U0, U0)
        elif kind == CONVERT:
            if split is not None:
                row = state[src[i]]
                uh, ul = _leave(rule, row, ah, al)
                _leave_split(row, uh, ul, split[src[i]], carry, rest)
                gh, gl = got[i, 1], got[i, 0]
                qh, ql = _scale(carry, gh, gl, ah, al)
                _arrive(state[d], gh, gl, qh, ql)
                _join(split[d], carry)
                brought[i, 1], brought[i, 0] = qh, ql
        else:
            uh, ul = ah, al
            if kind == SEED:
                _arrive(state[d], ah, al, ah, al)
            else:
                th, tl = state[d, TAINT_HIGH], state[d, TAINT_LOW]
                uh, ul = subtract(ah, al, th, tl) if less(th, tl, ah, al) else (U0, U0)
                _arrive(state[d], U0, U0, uh, ul)
            if split is not None:
                _enter(split[d], origin[i], uh, ul)
            o = origin[i]
            entered[o, 1], entered[o, 0] = add(entered[o, 1], entered[o, 0], uh, ul)
        moved[i, 1], moved[i, 0] = uh, ul


@kernel
def _flag(row: Any, stopped: Any, flagged: Any, h: Any, ah: Any, al: Any, uh: Any, ul: Any) -> None:
    """Coin arrives under poison: at a stop only what arrives stolen counts, elsewhere it taints the whole."""
    row[HIGH], row[LOW] = add(row[HIGH], row[LOW], ah, al)
    if stopped[h]:
        row[TAINT_HIGH], row[TAINT_LOW] = add(row[TAINT_HIGH], row[TAINT_LOW], uh, ul)
        return
    if uh != U0 or ul != U0:
        flagged[h] = True
    if flagged[h]:
        row[TAINT_HIGH], row[TAINT_LOW] = row[HIGH], row[LOW]


@kernel
def poison(
    op: Any,
    src: Any,
    dst: Any,
    origin: Any,
    amount: Any,
    got: Any,
    stopped: Any,
    pot: Any,
    state: Any,
    moved: Any,
    brought: Any,
    entered: Any,
) -> None:
    """Run all steps under poison; arrays as for `pools`, `stopped` and `pot` by holding."""
    flagged = np.zeros(len(state), dtype=np.bool_)
    for i in range(len(op)):
        kind, s, d = op[i], src[i], dst[i]
        ah, al = amount[i, 1], amount[i, 0]
        uh = ul = U0
        if kind in (MOVE, CONVERT, STOPPED):
            row = state[s]
            row[HIGH], row[LOW] = subtract(row[HIGH], row[LOW], ah, al)
            if kind != STOPPED and flagged[s]:
                uh, ul = ah, al
                row[TAINT_HIGH], row[TAINT_LOW] = row[HIGH], row[LOW]
                if pot[s] and row[HIGH] == U0 and row[LOW] == U0:
                    flagged[s] = False  # a pot lives for one transaction
        if kind == CONVERT:
            gh, gl = got[i, 1], got[i, 0]
            qh, ql = (gh, gl) if uh != U0 or ul != U0 else (U0, U0)
            _flag(state[d], stopped, flagged, d, gh, gl, qh, ql)
            brought[i, 1], brought[i, 0] = qh, ql
        elif kind == SEED:
            uh, ul = ah, al
            _flag(state[d], stopped, flagged, d, ah, al, uh, ul)
        elif kind == RELABEL:
            th, tl = state[d, TAINT_HIGH], state[d, TAINT_LOW]
            _flag(state[d], stopped, flagged, d, U0, U0, ah, al)
            uh, ul = subtract(state[d, TAINT_HIGH], state[d, TAINT_LOW], th, tl)
        else:
            _flag(state[d], stopped, flagged, d, ah, al, uh, ul)
        if kind in (SEED, RELABEL):
            o = origin[i]
            entered[o, 1], entered[o, 0] = add(entered[o, 1], entered[o, 0], uh, ul)
        moved[i, 1], moved[i, 0] = uh, ul
