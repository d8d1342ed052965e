"""Which providers there are: the bundled list, and what the workspace's providers.toml adds or replaces by name.

A base URL comes from these two files only, never from a case file or a package that somebody sent.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from tracer.chains.endpoint import Endpoint
from tracer.data import data_dir
from tracer.errors import InputError, NotFoundError, shown

__all__ = ["FILE", "find_provider", "providers"]

_KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float)}

FILE = "providers.toml"


def providers(home: Path) -> list[Endpoint]:
    """All providers, the workspace's own first, then by chain and name. Raises InputError for a file that is wrong."""
    own = _read(home / FILE) if (home / FILE).exists() else []
    named = {e.name for e in own}
    bundled = [e for e in _read(data_dir() / FILE) if e.name not in named]
    return own + sorted(bundled, key=lambda e: (e.chain, e.key_needed, e.name))


def find_provider(home: Path, name: str | None, chain: str) -> Endpoint:
    """The provider of histories of that name; without a name, the first one of the chain that needs no key.

    Raises NotFoundError that lists what there is, InputError for one that tells no histories.
    """
    known = providers(home)
    if name is None:
        found = next((e for e in known if e.chain == chain and e.histories and not e.key_needed), None)
        if found is not None:
            return found
        raise NotFoundError(
            f"No provider of {chain} answers without a key.",
            "List them: tracer providers. Name one: --provider.",
        )
    found = next((e for e in known if e.name == name), None)
    if found is not None and not found.histories:
        raise InputError(
            f"{shown(name)} is a Bitcoin node: it has no index of addresses and cannot tell histories.",
            "Put an Electrum server in front of it (ElectrumX, Fulcrum, electrs), and name that.",
        )
    if found is not None:
        return found
    near = difflib.get_close_matches(name, [e.name for e in known], n=1)
    raise NotFoundError(
        f"There is no provider called {shown(name)}.",
        f"Did you mean {near[0]}?"
        if near
        else f"Add it to {FILE} of the workspace, or see: tracer providers.",
    )


def _read(path: Path) -> list[Endpoint]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)} cannot be read ({shown(error, 120)}).", "Correct it.") from None
    entries = document.pop("provider", [])
    if document or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise InputError(
            f"{shown(path)} has something else than [[provider]] in it.", "See docs/collecting.md."
        )
    return [_endpoint(entry, f"{shown(path)}, [[provider]] number {n}") for n, entry in enumerate(entries, 1)]


def _endpoint(entry: dict[str, Any], where: str) -> Endpoint:
    known = {f.name: f for f in fields(Endpoint)}
    for name, value in entry.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                f"{where}: {shown(name)} is not known.",
                f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}.",
            )
        if type(value) not in _KINDS[str(known[name].type)]:
            raise InputError(f"{where}: {name} is {shown(value)}.", f"It must be of type {known[name].type}.")
    missing = [n for n, f in known.items() if f.default is MISSING and n not in entry]
    if missing:
        raise InputError(f"{where}: {missing[0]} is missing.", f"Needed: {', '.join(missing)}.")
    return Endpoint(**entry)
