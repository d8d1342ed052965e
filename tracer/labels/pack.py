"""A label pack: what was read from one file of somebody else's labels, and everything that could not be taken over.

Its normal form is one JSON text. The archive keeps it beside the file it was read from, and a case names both by
sha256: the labels of a case are these bytes, whatever a later version of a reader would make of the file.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, fields, replace
from hashlib import sha256

from tracer.errors import StoreError
from tracer.model import Label

__all__ = ["Pack", "Problem", "pack_from", "pack_text"]

_FORMAT = 1
_COLUMNS = [f.name for f in fields(Label)][: [f.name for f in fields(Label)].index("pack")]
"""What a pack says; the fields from `pack` on are the word of a case."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that a label lacks or that gave none.

    row: the line or entry it stands in (1-based; 0: the whole file). text: what stands there. refused: no label was
    made of it; False: a label was made, and this must be known about it.
    """

    row: int
    text: str
    message: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Pack:
    """Labels in the order of their file. parser: which reader made it, with its version. as_of: the date of the list
    in UTC seconds, None when it does not say.
    """

    title: str
    parser: str
    labels: tuple[Label, ...]
    problems: tuple[Problem, ...] = ()
    as_of: int | None = None

    @property
    def refused(self) -> int:
        """How many entries gave no label."""
        return sum(problem.refused for problem in self.problems)


def pack_text(pack: Pack) -> tuple[bytes, str]:
    """The normal form and its sha256."""
    document = {
        "format": _FORMAT,
        "title": pack.title,
        "parser": pack.parser,
        "as_of": pack.as_of,
        "columns": _COLUMNS,
        "labels": [[getattr(label, name) for name in _COLUMNS] for label in pack.labels],
        "problems": [astuple(problem) for problem in pack.problems],
    }
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return data, sha256(data).hexdigest()


def pack_from(data: bytes, name: str = "") -> Pack:
    """The pack of a normal form; `name` becomes the `pack` of its labels. Raises StoreError."""
    document = json.loads(data)
    if document["format"] != _FORMAT:
        raise StoreError(
            f"The labels were kept by a newer version of the tracer (format {document['format']}).",
            "Update the tracer.",
        )
    columns = document["columns"]
    if columns == _COLUMNS:
        labels = tuple(Label(*[*row, name]) for row in document["labels"])
    else:  # written before a column was added
        named = (dict(zip(columns, row, strict=True)) for row in document["labels"])
        labels = tuple(replace(Label(**values), pack=name) for values in named)
    problems = tuple(Problem(*row) for row in document["problems"])
    return Pack(document["title"], document["parser"], labels, problems, document["as_of"])
