"""A case file as TOML text and back, strictly: what is not understood is refused, never dropped or guessed.

Amounts are decimal strings, because TOML promises integers only up to 64 bits and a uint256 must survive. A key that
this version does not know is an error: either it is misspelt, and a setting would silently not apply, or a newer
tracer wrote it, and rewriting the file would lose it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import tomli_w

from tracer.errors import SchemaTooNewError, StoreError, shown
from tracer.model import Conversion, Gap, Label, LinkRuling, Seed, Stop, StopCode
from tracer.movements import MAX_AMOUNT
from tracer.store.caserecords import (
    FORMAT,
    CaseFile,
    ChainHead,
    ChainStop,
    DeclaredConversion,
    PackPin,
    Pin,
    Ruling,
    Target,
)
from tracer.store.plaintext import storable

__all__ = ["parse", "render"]

_Record = TypeVar("_Record")
_AMOUNT = re.compile(r"[0-9]{1,78}")
_NEVER = (
    "NONE"  # a stop without a code says that coin does not stop there; said aloud, so that no gap says it
)
_LISTS: dict[str, type] = {
    "captures": Pin,
    "halted": ChainStop,
    "heads": ChainHead,
    "former": ChainHead,
    "gaps": Gap,
    "seeds": Seed,
    "targets": Target,
    "stops": Stop,
    "labels": Label,
    "packs": PackPin,
    "rulings": Ruling,
    "link_rulings": LinkRuling,
}
_CONVERSIONS = "conversions"
_TABLES = ("settings", "thresholds")
_HINT = "Correct the file by hand, or restore it from a backup; nothing was changed."


def render(case: CaseFile) -> str:
    """`case` as TOML. Raises InputError for text that is not text (lone surrogates)."""
    plain = {name: getattr(case, name) for name in _plain_names()}
    document: dict[str, Any] = {"format": FORMAT} | _table(plain)
    for name in _TABLES:
        if getattr(case, name):
            document[name] = {key: _written(key, value) for key, value in sorted(getattr(case, name).items())}
    for name in _LISTS:
        document[name] = [_table(_values(record)) for record in getattr(case, name)]
    document[_CONVERSIONS] = [
        _table(_values(entry) | _values(entry.conversion) | {"conversion": None})
        for entry in case.conversions
    ]
    return tomli_w.dumps(document)


def parse(text: str, where: str) -> CaseFile:
    """The case in `text`. `where` names the file in errors.

    Raises SchemaTooNewError for a newer format, StoreError for anything that is not understood.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise StoreError(f"The case file {where} is not valid TOML ({shown(error, 160)}).", _HINT) from None
    number = document.pop("format", None)
    if type(number) is not int or number < 1:
        raise _bad(where, "it has no format number")
    if number > FORMAT:
        raise SchemaTooNewError(
            f"The case file {where} was written by a newer version of the tracer (format {number}).",
            "Update the tracer; nothing was changed.",
        )
    collected: dict[str, Any] = {}
    for name, kind in _LISTS.items():
        collected[name] = tuple(_read(kind, entry, at) for entry, at in _entries(document, name, where))
    collected[_CONVERSIONS] = tuple(
        _conversion(entry, at) for entry, at in _entries(document, _CONVERSIONS, where)
    )
    for name in _TABLES:
        collected[name] = _mapping(document.pop(name, {}), f"{where}, [{name}]")
    return _read(CaseFile, document, where, collected)


def _plain_names() -> list[str]:
    listed = {*_LISTS, *_TABLES, _CONVERSIONS}
    return [f.name for f in fields(CaseFile) if f.name not in listed]


def _values(record: object) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in fields(cast("Any", record))} | (
        {"code": record.code or _NEVER} if isinstance(record, Stop) else {}
    )


def _table(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _written(name, value) for name, value in values.items() if value is not None}


def _written(name: str, value: Any) -> str | int | bool:
    if name == "amount":
        if not 0 <= value <= MAX_AMOUNT:
            raise StoreError(f"The amount {value} does not fit into 256 bits.")
        return str(value)
    if isinstance(value, str):
        return storable(str(value), name)
    if isinstance(value, bool | int):
        return value
    raise StoreError(f"{shown(name)} must be text, a whole number or true/false, not {shown(value)}.")


def _entries(document: dict[str, Any], name: str, where: str) -> list[tuple[dict[str, Any], str]]:
    found = document.pop(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise _bad(where, f"{name} is not a list of tables")
    return [(entry, f"{where}, [[{name}]] number {n}") for n, entry in enumerate(found, 1)]


def _conversion(entry: dict[str, Any], where: str) -> DeclaredConversion:
    own = {f.name for f in fields(DeclaredConversion)} - {"conversion"}
    inner = {key: value for key, value in entry.items() if key not in own}
    outer = {key: value for key, value in entry.items() if key in own}
    return _read(DeclaredConversion, outer, where, {"conversion": _read(Conversion, inner, where)})


def _mapping(found: object, where: str) -> dict[str, str | int | bool]:
    if not isinstance(found, dict) or not all(type(value) in {str, int, bool} for value in found.values()):
        raise _bad(where, "only text, whole numbers and true/false may stand there")
    return found


def _read(
    kind: type[_Record], entry: dict[str, Any], where: str, given: Mapping[str, Any] | None = None
) -> _Record:
    values = dict(given or {})
    hints = _hints(cast("Any", kind))
    wanted: list[Field[Any]] = [f for f in fields(cast("Any", kind)) if f.name not in values]
    names = [f.name for f in wanted]
    for key in entry:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            raise _bad(
                where, f"the key {shown(key)} is not known" + (f"; did you mean {near[0]}?" if near else "")
            )
    for f in wanted:
        if f.name in entry:
            values[f.name] = _value(f.name, entry[f.name], hints[f.name], where)
        elif f.default is MISSING and f.default_factory is MISSING:
            raise _bad(where, f"the key {f.name} is missing")
    return kind(**values)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(name: str, found: object, hint: Any, where: str) -> Any:
    options = get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)
    kind = next(option for option in options if option is not types.NoneType)
    if name == "amount" and isinstance(found, str) and _AMOUNT.fullmatch(found) and int(found) <= MAX_AMOUNT:
        return int(found)
    if kind is StopCode and found == _NEVER:
        return None
    if issubclass(kind, StrEnum) and isinstance(found, str):
        if found in list(kind):
            return kind(found)
        raise _bad(where, f"{name} is {shown(found)}, not one of {', '.join(kind)}")
    if name != "amount" and type(found) is kind:  # `type`, because True is an int to isinstance
        return found
    what = {"amount": "a whole number in quotation marks, in smallest units", "int": "a whole number"}
    raise _bad(where, f"{name} is {shown(found)}, not {what.get(name, what.get(kind.__name__, 'text'))}")


def _bad(where: str, what: str) -> StoreError:
    return StoreError(f"The case file {where}: {what}.", _HINT)
