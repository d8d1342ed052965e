"""Give memory back to the system between the steps of a large import.

Reading a million rows leaves some 150 MB of freed but kept pages in the C heap, and Arrow's pool keeps more; the next
step would then take new ones on top. glibc returns them when asked (malloc_trim(3)); elsewhere this does nothing.
"""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

__all__ = ["give_back"]


_LARGE = 100_000


def give_back(rows: int) -> None:
    """Return unused pages to the system after work on so many rows, where that is possible and worth it."""
    if rows < _LARGE:
        return
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # absent in musl
        if trim is not None:
            trim(0)
