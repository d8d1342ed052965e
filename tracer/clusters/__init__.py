"""Which addresses one party controls, said link by link: every link names its rule, its transaction and its confidence.

A cluster is an opinion computed from facts. No link is ever lost: one that was withdrawn unites nothing, stays listed,
and the addresses that hung together by it alone come apart again. Pure: no network, database or user interface.
"""

from __future__ import annotations

from tracer.clusters.link import Link
from tracer.clusters.unionfind import Components, components, smallest_members

__all__ = ["Components", "Link", "components", "smallest_members"]
