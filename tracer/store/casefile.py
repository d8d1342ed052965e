"""Case files on disk: WORKSPACE/cases/<name>/case.toml, one small text file a person can read.

The file is rewritten whole, in one step, under a lock, by applying a function to what it holds at that moment
(`update`), so that two processes never lose each other's change. Comments in it are not kept. There is no delete:
nothing that was once concluded from is lost.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tracer.errors import CaseNameError, NotFoundError, StoreError, shown
from tracer.model import Rule
from tracer.store.casename import case_name
from tracer.store.caserecords import CaseFile, PackPin
from tracer.store.casetext import parse, render
from tracer.store.files import file_errors, folder_lock, make_folder, replace_file

__all__ = ["CASE_FILE", "Cases"]

CASE_FILE = "case.toml"
_LOCK = ".case.lock"


class Cases:
    """The case files of one workspace. `busy_seconds`: how long to wait for another process."""

    def __init__(self, root: Path, busy_seconds: float) -> None:
        self.root = root
        self._busy_seconds = busy_seconds

    def folder(self, name: str) -> Path:
        """Where the case `name` lives. Raises CaseNameError."""
        return self.root / case_name(name)

    def names(self) -> list[str]:
        """Names of all cases, sorted."""
        with file_errors():
            found = [path.parent.name for path in self.root.glob(f"*/{CASE_FILE}")]
        return sorted(name for name in found if _is_case_name(name))

    def exists(self, name: str) -> bool:
        """Whether there is a case of that name. Raises CaseNameError."""
        return (self.folder(name) / CASE_FILE).exists()

    def create(
        self, name: str, *, rule: Rule, now: int, language: str = "en", packs: Sequence[PackPin] = ()
    ) -> CaseFile:
        """A new case made at `now` (UTC seconds), empty but for its label packs.

        Raises CaseNameError, also when there is one already.
        """
        folder = self.folder(name)
        alike = next(
            (n for n in self.names() if n.casefold() == folder.name.casefold() and n != folder.name), None
        )
        if alike is not None:
            raise CaseNameError(
                f"There is a case called {shown(alike)} already, and some systems take the two names for one.",
                "Choose another name.",
            )
        make_folder(folder)
        with folder_lock(folder / _LOCK, self._busy_seconds):
            if (folder / CASE_FILE).exists():
                raise CaseNameError(
                    f"There is a case called {shown(folder.name)} already.",
                    "Open it, or choose another name.",
                )
            case = CaseFile(
                name=folder.name, created_at=now, rule=rule, language=language, packs=tuple(packs)
            )
            self._write(folder, case)
        return case

    def read(self, name: str) -> CaseFile:
        """The case as it stands. Raises NotFoundError, StoreError, SchemaTooNewError."""
        folder = self.folder(name)
        path = folder / CASE_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(
                f"There is no case called {shown(folder.name)}.", self._hint(folder.name)
            ) from None
        except UnicodeDecodeError:
            raise StoreError(f"The case file {shown(path)} is not UTF-8 text.", "Save it as UTF-8.") from None
        except OSError as error:
            raise StoreError(f"The case file {shown(path)} cannot be read ({error.strerror}).") from error
        case = parse(text, shown(path))
        if unicodedata.normalize("NFC", case.name) != folder.name:
            raise StoreError(
                f"The case file {shown(path)} is the one of a case called {shown(case.name)}.",
                "Give folder and `name` the same name.",
            )
        return case

    def update(self, name: str, change: Callable[[CaseFile], CaseFile]) -> CaseFile:
        """Replace the case by `change(case)` and return it with the next `revision`.

        `change` gets what the file holds now, under a lock, and must decide from that alone. When it gives back an
        equal case nothing is written; when it raises nothing is written. It cannot rename the case. Raises
        NotFoundError, WorkspaceBusyError and what `read` raises.
        """
        folder = self.folder(name)
        if not self.exists(name):
            self.read(name)  # says what is missing, and makes no lock file in a folder that is no case
        with folder_lock(folder / _LOCK, self._busy_seconds):
            before = self.read(name)
            after = change(before)
            if after == before:
                return before
            after = replace(
                after, name=before.name, created_at=before.created_at, revision=before.revision + 1
            )
            self._write(folder, after)
        return after

    def _write(self, folder: Path, case: CaseFile) -> None:
        text = render(case)
        if parse(text, shown(folder / CASE_FILE)) != case:
            raise StoreError("The case cannot be written exactly.", "Nothing was changed.")
        with file_errors():
            replace_file(folder / CASE_FILE, lambda out: out.write(text.encode()))

    def _hint(self, name: str) -> str:
        names = self.names()
        if not names:
            return f"There are none yet: make it with `tracer case new {name}`."
        return f"Cases: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}."


def _is_case_name(name: str) -> bool:
    try:
        return case_name(name) == name
    except CaseNameError:
        return False
