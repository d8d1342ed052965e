"""The version of the installed tracer."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

__all__ = ["version"]


def version() -> str:
    """The version of the distribution `coinpursuit`; "source" when it is not installed."""
    try:
        return installed("coinpursuit")
    except PackageNotFoundError:
        return "source"
