"""YAML as plain text values, for files from strangers: no types, no tags, no aliases, bounded depth.

Every scalar stays the text that stands in the file. YAML's own typing would turn an unquoted `0x47...` into a number
and lose the checksum, `no` into false and a day into a date; and aliases let a file of a kilobyte unfold into gigabytes
("billion laughs"). Label packs need neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from tracer.errors import FileError, shown

__all__ = ["Mapping", "parse_yaml"]

_DEEPEST = 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mapping(dict[str, Any]):
    """A mapping of the file, and the line (1-based) on which it begins."""

    line = 0


@dataclass
class _Open:
    value: Mapping | list[Any]
    key: str | None = None


def parse_yaml(data: bytes, name: str) -> Mapping:
    """The mapping that a YAML file (UTF-8) holds: text, lists and mappings. Raises FileError that names the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(f"{shown(name)} is not UTF-8 text.", "Save it as UTF-8.") from None
    stack: list[_Open] = []
    root: Any = None
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent):
                raise _bad(name, line, "an alias (*), which label packs do not need")
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(stack) == _DEEPEST:
                    raise _bad(name, line, f"more than {_DEEPEST} levels")
                made: Mapping | list[Any] = []
                if isinstance(event, yaml.MappingStartEvent):
                    made = Mapping()
                    made.line = line
                root = made if not stack and root is None else root
                _place(stack, made, name, line)
                stack.append(_Open(made))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
            elif isinstance(event, yaml.ScalarEvent):
                _place(stack, _scalar(event), name, line)
            elif isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise _bad(name, line, "a second document")
    except yaml.YAMLError as error:
        raise FileError(
            f"{shown(name)} is not YAML ({shown(error, 200)}).", "Nothing was imported."
        ) from None
    if not isinstance(root, Mapping):
        raise FileError(f"{shown(name)} holds no mapping.", "A TagPack begins with its title and creator.")
    return root


def _scalar(event: yaml.ScalarEvent) -> str:
    plain = event.style is None and event.value in {"~", "null", "Null", "NULL"}
    return "" if plain else str(event.value)


def _place(stack: list[_Open], value: Any, name: str, line: int) -> None:
    """Put a value where the innermost open list or mapping wants it."""
    if not stack:
        return
    top = stack[-1]
    if isinstance(top.value, list):
        top.value.append(value)
    elif top.key is None:
        if not isinstance(value, str):
            raise _bad(name, line, "a key that is no text")
        if value in top.value:
            raise _bad(name, line, f"{shown(value, 40)} twice in one entry")
        top.key = value
        top.value[value] = ""
    else:
        top.value[top.key], top.key = value, None


def _bad(name: str, line: int, what: str) -> FileError:
    return FileError(f"{shown(name)}, line {line}: {what}. Nothing was imported.", "Correct the file.")
