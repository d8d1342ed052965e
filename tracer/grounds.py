"""Tables that say what they rest on: rule, as-of and conventions in `DataFrame.attrs`, as plain text.

pandas keeps `attrs` through most operations and drops them where tables of different grounds are put together, so that
nothing is said of a mixture.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import pandas as pd

from tracer.results import CONVENTIONS, grounds
from tracer.runs import Runs
from tracer.store.caserecords import CaseFile

__all__ = ["grounded"]

P = ParamSpec("P")


class _Traced(Protocol):
    name: str

    @property
    def rule(self) -> str: ...

    @property
    def file(self) -> CaseFile: ...

    def tracing(self) -> Runs: ...


S = TypeVar("S", bound=_Traced)


def grounded(method: Callable[Concatenate[S, P], pd.DataFrame]) -> Callable[Concatenate[S, P], pd.DataFrame]:
    """A method of a case whose table says in `attrs` the case and what its numbers rest on.

    rule: of its rows where they name theirs, else the one that was asked for, else the governing rule. A case without
    seeds has no facts to rest on yet: as_of_utc is "".
    """
    named = inspect.signature(method)

    @wraps(method)
    def table(self: S, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        found = method(self, *args, **kwargs)
        asked = named.bind(self, *args, **kwargs).arguments.get("rule")
        rules: Iterable[str] = found["rule"].unique() if "rule" in found.columns and len(found) else ()
        rule = ", ".join(map(str, rules)) or str(asked or self.rule)
        if self.file.seeds:
            traced = self.tracing()
            said = grounds(rule, traced.as_of, traced.conventions)
        else:
            said = grounds(rule, None, CONVENTIONS)
        found.attrs = {"case": self.name, **said}
        return found

    return table
