"""Tables that say what they rest on: case, rule, as-of and conventions in `DataFrame.attrs`, as plain text.

pandas keeps `attrs` through most operations and drops them where tables of different grounds are put together, so that
nothing is said of a mixture. What it does otherwise is in docs/batch.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import pandas as pd

from tracer.model import Rule
from tracer.results import CONVENTIONS, grounds
from tracer.runs import Runs
from tracer.store.caserecords import CaseFile

__all__ = ["grounded", "of_case", "say_grounds"]

P = ParamSpec("P")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _Traced(_Named, Protocol):
    @property
    def rule(self) -> str: ...

    @property
    def file(self) -> CaseFile: ...

    def tracing(self) -> Runs: ...


N = TypeVar("N", bound=_Named)
S = TypeVar("S", bound=_Traced)


def say_grounds(case: _Traced, table: pd.DataFrame, rule: str | None = None) -> pd.DataFrame:
    """The table, whose `attrs` say what its numbers rest on.

    rule: of its rows where they name theirs, else this one, else the governing rule. A case without seeds has no facts
    to rest on yet: as_of_utc is "".
    """
    named: Iterable[object] = table["rule"].unique() if "rule" in table.columns else ()
    rules = [str(r) for r in named if r in set(Rule)]  # links have a column of that name for theirs
    said = ", ".join(rules) or rule or case.rule
    if case.file.seeds:
        traced = case.tracing()
        table.attrs = grounds(case.name, said, traced.as_of, traced.conventions)
    else:
        table.attrs = grounds(case.name, said, None, CONVENTIONS)
    return table


def grounded(method: Callable[Concatenate[S, P], pd.DataFrame]) -> Callable[Concatenate[S, P], pd.DataFrame]:
    """A method of a case whose table says what its numbers rest on (`say_grounds`)."""
    named = inspect.signature(method)

    @wraps(method)
    def table(self: S, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        asked = named.bind(self, *args, **kwargs).arguments.get("rule")
        return say_grounds(self, method(self, *args, **kwargs), asked)

    return table


def of_case(method: Callable[Concatenate[N, P], pd.DataFrame]) -> Callable[Concatenate[N, P], pd.DataFrame]:
    """A method of a case whose table lists what was given, fetched or said, and rests on no rule: it names the case."""

    @wraps(method)
    def table(self: N, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        found = method(self, *args, **kwargs)
        found.attrs = {"case": self.name, **found.attrs}
        return found

    return table
