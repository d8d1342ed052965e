"""Give memory back to the system between the steps of a large import and the rounds of a collection.

Reading a million rows leaves some 150 MB of freed but kept pages in the C heap, and Arrow's pool keeps more; the next
step would then take new ones on top. glibc returns them when asked (malloc_trim(3)); elsewhere this does nothing.
"""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

__all__ = ["give_back"]


_LARGE = 100_000


def give_back(rows: int = _LARGE) -> None:
    """Return unused pages to the system, where that is possible; after work on few `rows` it is not worth it.

    Arrow's pool gives back what this thread took, so call it in the thread that did the work.
    """
    if rows < _LARGE:
        return
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # absent in musl
        if trim is not None:
            trim(0)
