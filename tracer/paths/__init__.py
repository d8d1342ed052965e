"""Paths between two addresses, and all routes of stolen coin from the theft to where it rests.

`PathFinder` asks which way coin *can* have gone between any two addresses; `trace_routes` says which ways the stolen
coin *did* go under the rule of the run. Both give every movement with the rows that prove it.
"""

from __future__ import annotations

from tracer.paths.hops import COLUMNS, Hop, Route, routes_frame
from tracer.paths.routes import Accounted, Routes, asset_scales, trace_routes
from tracer.paths.search import KINDS, PathFinder

__all__ = [
    "COLUMNS",
    "KINDS",
    "Accounted",
    "Hop",
    "PathFinder",
    "Route",
    "Routes",
    "asset_scales",
    "routes_frame",
    "trace_routes",
]
