"""128-bit unsigned integers for the kernels, as (high, low) pairs of 64-bit words; exact product and quotient.

Compiled code is kept on disk beside the module, or, where the installed package is read-only, in the user's cache
(NUMBA_CACHE_DIR chooses another place). Where no place can be written, it is compiled anew in each process.

Division: Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D, with 64-bit digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

__all__ = ["add", "kernel", "less", "muldiv", "multiply", "subtract"]

U0, U1, U32 = np.uint64(0), np.uint64(1), np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_BASE = np.uint64(2**32)
_ALL = np.uint64(2**64 - 1)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile on first call, and keep the machine code where that is possible."""
    try:
        return numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # no place to keep it: the package and the home directory are both read-only
        return numba.njit(error_model="numpy")(function)


@kernel
def add(ah: Any, al: Any, bh: Any, bl: Any) -> Any:
    """A + b; the sum fits by precondition."""
    low = al + bl
    return ah + bh + (U1 if low < al else U0), low


@kernel
def subtract(ah: Any, al: Any, bh: Any, bl: Any) -> Any:
    """A - b modulo 2**128."""
    return ah - bh - (U1 if al < bl else U0), al - bl


@kernel
def less(ah: Any, al: Any, bh: Any, bl: Any) -> Any:
    """A < b."""
    return ah < bh or (ah == bh and al < bl)


@kernel
def multiply(a: Any, b: Any) -> Any:
    """The 128-bit product of two words."""
    a0, a1, b0, b1 = a & _LOW, a >> U32, b & _LOW, b >> U32
    low, cross, other = a0 * b0, a1 * b0, a0 * b1
    middle = (low >> U32) + (cross & _LOW) + (other & _LOW)
    high = a1 * b1 + (cross >> U32) + (other >> U32) + (middle >> U32)
    return high, (middle << U32) | (low & _LOW)


@kernel
def _leading_zeros(x: Any) -> Any:
    """Leading zero bits of x > 0."""
    count = U0
    for step in (32, 16, 8, 4, 2, 1):
        width = np.uint64(step)
        if x >> (np.uint64(64) - width) == U0:
            count += width
            x <<= width
    return count


@kernel
def _divide(high: Any, low: Any, by: Any) -> Any:
    """(high, low) // by and the rest, for high < by and the top bit of `by` set."""
    by1, by0 = by >> U32, by & _LOW
    low1, low0 = low >> U32, low & _LOW
    q1 = high // by1
    rest = high - q1 * by1
    while q1 >= _BASE or q1 * by0 > ((rest << U32) | low1):
        q1 -= U1
        rest += by1
        if rest >= _BASE:
            break
    middle = (high << U32) + low1 - q1 * by
    q0 = middle // by1
    rest = middle - q0 * by1
    while q0 >= _BASE or q0 * by0 > ((rest << U32) | low0):
        q0 -= U1
        rest += by1
        if rest >= _BASE:
            break
    return (q1 << U32) + q0, (middle << U32) + low0 - q0 * by


@kernel
def _digit(u2: Any, u1: Any, u0: Any, vh: Any, vl: Any) -> Any:
    """One 64-bit digit of (u2, u1, u0) // (vh, vl), and the rest; (u2, u1) < (vh, vl), top bit of vh set."""
    fits = True
    if u2 == vh:
        digit, rest = _ALL, u1 + vh
        fits = rest >= vh  # else `rest` passed 2**64 and the digit is small enough
    else:
        digit, rest = _divide(u2, u1, vh)
    while fits:
        ph, pl = multiply(digit, vl)
        if not less(rest, u0, ph, pl):
            break
        digit -= U1
        rest += vh
        fits = rest >= vh
    ph, pl = multiply(digit, vl)
    rh, rl = subtract(rest, u0, ph, pl)
    return digit, rh, rl


@kernel
def muldiv(ah: Any, al: Any, bh: Any, bl: Any, ch: Any, cl: Any) -> Any:
    """A * b // c and the rest of the division, each as (high, low), for a <= c, 0 < c and b < 2**127."""
    if ah == ch and al == cl:
        return bh, bl, U0, U0
    if ch == U0:  # then a has one word too
        shift = _leading_zeros(cl)
        by = cl << shift
        p1, p0 = multiply(al, bl)
        q1 = p2 = U0
        if bh != U0:
            p2, middle = multiply(al, bh)
            p1 += middle
            p2 += U1 if p1 < middle else U0
        if shift:
            back = np.uint64(64) - shift
            p2 = (p2 << shift) | (p1 >> back)
            p1 = (p1 << shift) | (p0 >> back)
            p0 <<= shift
        if p2 != U0 or p1 >= by:
            q1, p1 = _divide(p2, p1, by)
        q0, rest = _divide(p1, p0, by)
        return q1, q0, U0, rest >> shift
    # The whole product, four words.
    p1, p0 = multiply(al, bl)
    m1, m0 = multiply(ah, bl)
    n1, n0 = multiply(al, bh)
    p3, p2 = multiply(ah, bh)
    p1 += m0
    carry = U1 if p1 < m0 else U0
    p1 += n0
    carry += U1 if p1 < n0 else U0
    th, tl = add(U0, m1, U0, n1)
    th, tl = add(th, tl, U0, carry)
    p3, p2 = add(p3, p2, th, tl)
    shift = _leading_zeros(ch)
    vh, vl = ch, cl
    if shift:
        back = np.uint64(64) - shift
        vh, vl = (ch << shift) | (cl >> back), cl << shift
        p3 = (p3 << shift) | (p2 >> back)
        p2 = (p2 << shift) | (p1 >> back)
        p1 = (p1 << shift) | (p0 >> back)
        p0 <<= shift
    q1, r1, r0 = _digit(p3, p2, p1, vh, vl)
    q0, r1, r0 = _digit(r1, r0, p0, vh, vl)
    if shift:
        back = np.uint64(64) - shift
        r0 = (r0 >> shift) | (r1 << back)
        r1 >>= shift
    return q1, q0, r1, r0
