"""Writes the export of one case: the chosen tables, README.txt and manifest.json, in one directory.

The directory may hold other things; they are left alone. Files of an earlier export of the *same* case are replaced,
and those that this export does not write again are removed, so that old and new tables never stand side by side.
An export of another case in the directory is refused: an evidence package carries exactly one case.
With the evidence (`tracer.export.evidence`) the numbers can be computed again from the directory alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import pandas as pd

from tracer.errors import InputError, shown
from tracer.export.account import CONSERVATION, GAPS, LOSSES, SEEDS, SOURCES
from tracer.export.beyond import BEYOND_MIXES
from tracer.export.clusters import CLUSTER_LINKS, CLUSTERS, DEPOSITS, LINK_RULINGS, PATTERNS
from tracer.export.columns import Layout
from tracer.export.endpoints import ENDPOINT_TRANSFERS, ENDPOINTS, ENDPOINTS_BY_SERVICE
from tracer.export.evidence import EVIDENCE, FOLDER, Attachment, is_ours
from tracer.export.files import Written, write_bytes, write_csv, write_text
from tracer.export.histories import HISTORIES
from tracer.export.holdings import BOUNDS, COMPARE, TAINT, TAINT_ALL
from tracer.export.labels import LABEL_CONFLICTS, LABEL_DIFF, LABELS
from tracer.export.notes import MANIFEST, README, Pins, manifest_text, readme_text
from tracer.export.opinions import CONVERSIONS, JUDGEMENTS, RULINGS, STOPS
from tracer.export.origins import ORIGINS
from tracer.export.routes import ROUTES
from tracer.export.standalone import STANDALONE
from tracer.export.transfers import TRANSFERS, layout_for

__all__ = ["FORMATS", "LAYOUTS", "choose", "layout_of", "write_package"]

FORMATS: dict[str, Layout] = {
    "taint": TAINT,
    "taint_all": TAINT_ALL,
    "transfers": TRANSFERS,
    "conservation": CONSERVATION,
    "compare": COMPARE,
    "bounds": BOUNDS,
    "endpoints": ENDPOINTS,
    "endpoints_by_service": ENDPOINTS_BY_SERVICE,
    "endpoint_transfers": ENDPOINT_TRANSFERS,
    "routes": ROUTES,
    "beyond_mixes": BEYOND_MIXES,
    "origins": ORIGINS,
    "losses": LOSSES,
    "sources": SOURCES,
    "seeds": SEEDS,
    "histories": HISTORIES,
    "gaps": GAPS,
    "conversions": CONVERSIONS,
    "rulings": RULINGS,
    "clusters": CLUSTERS,
    "cluster_links": CLUSTER_LINKS,
    "deposits": DEPOSITS,
    "patterns": PATTERNS,
    "link_rulings": LINK_RULINGS,
    "labels": LABELS,
    "label_conflicts": LABEL_CONFLICTS,
    "stops": STOPS,
    "judgements": JUDGEMENTS,
}
"""The tables of an export by format name, in the order in which a reader meets them."""

LAYOUTS = FORMATS | {"evidence": EVIDENCE, "label_diff": LABEL_DIFF} | STANDALONE
"""These, the list of exhibits, which is written with the evidence only, what a change of labels changes, and what
belongs to no case."""


def choose(formats: Iterable[str] | None) -> list[str]:
    """The format names to write, in the order of FORMATS; None means all. InputError for an unknown name."""
    if formats is None:
        return list(FORMATS)
    wanted = set(formats)
    unknown = sorted(wanted - set(FORMATS))
    if unknown:
        raise InputError(f"There is no export format {shown(unknown[0])}.", f"Formats: {', '.join(FORMATS)}.")
    return [name for name in FORMATS if name in wanted]


def layout_of(format_name: str, frame: pd.DataFrame) -> Layout:
    """The layout of format `format_name` for `frame`: transfers carry one column per rule that was computed."""
    if format_name == "transfers":
        prefix = "taint_raw_"
        return layout_for(
            name.removeprefix(prefix) for name in map(str, frame.columns) if name.startswith(prefix)
        )
    return FORMATS[format_name]


def write_package(
    directory: Path,
    tables: Mapping[str, Callable[[], pd.DataFrame]],
    pins: Pins,
    formats: Iterable[str] | None = None,
    evidence: Mapping[str, Attachment] | None = None,
) -> list[Path]:
    """Write the chosen formats to `directory` (made if missing, mode 0700); the paths, in the order written.

    evidence: the files of the folder `evidence` by name, with which `tables` must also give the frame of evidence.csv.

    `tables` gives the frame of each format when it is called, so that a table that is not wanted is not computed and
    a large one does not stay in memory. The manifest comes last: a directory without it, or whose sums differ, is not
    a finished export. Raises InputError when the directory cannot be used.
    """
    names = choose(formats)
    stale = _prepare(directory, pins.case)
    written: dict[str, Written] = {}
    layouts: list[Layout] = []
    for name in names:
        frame = tables[name]()
        layouts.append(layout_of(name, frame))
        written[layouts[-1].file] = write_csv(directory / layouts[-1].file, layouts[-1], frame)
    if evidence is not None:
        layouts.append(EVIDENCE)
        written[EVIDENCE.file] = write_csv(directory / EVIDENCE.file, EVIDENCE, tables["evidence"]())
        for name, write in evidence.items():
            _make_folders(directory, name)
            written[name] = write_bytes(directory / name, write)
    text = readme_text(pins, layouts, evidence=evidence is not None)
    written[README] = write_text(directory / README, text)
    for name in sorted(stale - written.keys()):
        (directory / name).unlink(missing_ok=True)
    _tidy(directory)
    seal = write_text(directory / MANIFEST, manifest_text(pins, written))
    return [entry.path for entry in (*written.values(), seal)]


def _make_folders(directory: Path, name: str) -> None:
    for folder in reversed((directory / name).relative_to(directory).parents[:-1]):
        (directory / folder).mkdir(mode=0o700, exist_ok=True)


def _tidy(directory: Path) -> None:
    """Remove empty folders of the evidence."""
    for folder, _, _ in os.walk(directory / FOLDER, topdown=False):
        with suppress(OSError):  # it is not empty
            Path(folder).rmdir()


def _refuse_links(directory: Path) -> None:
    """Raise InputError for a link among the folders of the evidence: what is behind it lies somewhere else."""
    for folder, below, _ in os.walk(directory):
        found = [FOLDER] if Path(folder) == directory else below
        below[:] = [name for name in found if (Path(folder) / name).is_dir()]
        for name in below:
            if (Path(folder) / name).is_symlink():
                raise InputError(
                    f"{shown(Path(folder) / name)} is a link.", "Choose an empty directory for the export."
                )


def _prepare(directory: Path, case: str) -> set[str]:
    """Make the directory; the names of files that an earlier export of this case left in it."""
    if directory.exists() and not directory.is_dir():
        raise InputError(
            f"{shown(directory)} is a file, not a directory.", "Name a directory for the export."
        )
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{shown(directory)} cannot be made: {error.strerror}.", "Name another place."
        ) from None
    _refuse_links(directory)
    ours = {layout.file for layout in FORMATS.values()} | {README, EVIDENCE.file}
    _sweep(directory, ours | {MANIFEST})
    manifest = directory / MANIFEST
    if not manifest.exists():
        return set()
    try:
        earlier = json.loads(manifest.read_bytes())
        owner, names = earlier["case"], {entry["name"] for entry in earlier["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(
            f"{shown(manifest)} is not a manifest of the tracer.", "Choose an empty directory for the export."
        ) from None
    if owner != case:
        raise InputError(
            f"{shown(directory)} holds the export of the case {shown(owner)}.",
            "Choose another directory: an export carries exactly one case.",
        )
    # only names that the tracer itself gives: a forged manifest must not get another file deleted
    # A directory without its seal is no finished export: if this one is killed, nobody takes old tables for new ones.
    manifest.unlink()
    return {name for name in map(str, names) if name in ours or is_ours(name)}


def _sweep(directory: Path, ours: set[str]) -> None:
    """Remove what an export that was killed left half written."""
    for left in (*directory.glob(".*.part"), *(directory / FOLDER).rglob(".*.part")):
        place = left.relative_to(directory)
        name = place.with_name(left.name[1 : -len(".????????.part")]).as_posix()
        if name in ours or is_ours(name):
            left.unlink()
