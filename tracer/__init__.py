"""Follow stolen coins: exact, reproducible fund-flow tracing for exchange thefts.

    import tracer

    case = tracer.Case.create("my-case")
    case.import_file("transfers.csv")
    case.add_seed("0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2", amount=401346768858404671846374)
    case.taint("fifo").addresses()

Names are loaded on first use, so that `import tracer` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.batches import Batch, batch
    from tracer.case import Case
    from tracer.crosscase import cases_frame, overlap
    from tracer.errors import TracerError
    from tracer.graph import FlowGraph
    from tracer.model import Asset, Conversion, Gap, Kind, Label, Rule, Seed, StopCode
    from tracer.results import TaintResult

__all__ = [
    "Asset",
    "Batch",
    "Case",
    "Conversion",
    "FlowGraph",
    "Gap",
    "Kind",
    "Label",
    "Rule",
    "Seed",
    "StopCode",
    "TaintResult",
    "TracerError",
    "batch",
    "cases_frame",
    "overlap",
]

_HOME = {
    "Batch": "tracer.batches",
    "batch": "tracer.batches",
    "cases_frame": "tracer.crosscase",
    "overlap": "tracer.crosscase",
    "Case": "tracer.case",
    "FlowGraph": "tracer.graph",
    "TaintResult": "tracer.results",
    "TracerError": "tracer.errors",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME.get(name, "tracer.model")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
