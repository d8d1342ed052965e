"""Every error that the tracer raises on purpose, in one tree.

    TracerError                 base; `message` for the investigator, `hint` says what to do next
    |-- InputError              what the investigator gave cannot be used (CLI exit status 2)
    |   |-- AddressError        not an address of that chain, or its checksum is wrong
    |   |-- FileError           a file that cannot be read as transfers
    |   |-- SeedError           a seed that contradicts the history
    |   |   `-- SeedKnownError  the case has that seed already
    |   `-- CaseNameError       a case name that is not a plain name
    |-- NotFoundError           no such case, seed, address or path (also a LookupError)
    |   `-- NoPathError         two addresses between which no coin can have flowed
    |-- StoreError              the workspace cannot be used
    |   |-- SchemaTooNewError   it was written by a newer version of the tracer
    |   `-- WorkspaceBusyError  another process is writing to it
    |-- ProviderError           a provider did not answer, after all retries
    |   `-- ProviderStopError   it will not answer today, or never: limit used up, wrong key, chain not offered
    |-- BudgetSpentError        the requests that the investigator allowed are used up: no failure of anybody
    `-- ConservationError       an accounting pass lost or made coin: a defect of the tracer, never shown as a result

A message never contains a secret, and text that came from a chain or a file is quoted with `shown()`.
"""

from __future__ import annotations

__all__ = [
    "AddressError",
    "BudgetSpentError",
    "CaseNameError",
    "ConservationError",
    "FileError",
    "InputError",
    "NoPathError",
    "NotFoundError",
    "ProviderError",
    "ProviderStopError",
    "SchemaTooNewError",
    "SeedError",
    "SeedKnownError",
    "StoreError",
    "TracerError",
    "WorkspaceBusyError",
    "shown",
    "visible",
]


def visible(text: object) -> str:
    """`text` as one printable line: control, bidirectional, zero-width and surrogate characters become escapes."""
    raw = str(text)
    return raw if raw.isprintable() else "".join(c if c.isprintable() else _escape(ord(c)) for c in raw)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown(text: object, limit: int = 80) -> str:
    """`text` as one printable, quoted line: hostile control characters are escaped, long text is cut."""
    raw = str(text)
    clean = visible(raw[:limit])
    return f"{clean!r}" if len(raw) <= limit else f"{clean!r}..."


class TracerError(Exception):
    """Base of all errors raised on purpose.

    `message` states the fact; `hint` what the investigator can do about it (may be empty).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InputError(TracerError, ValueError):
    """What the investigator gave cannot be used."""


class AddressError(InputError):
    """Not an address of that chain, or its checksum is wrong."""


class FileError(InputError):
    """A file that cannot be read as transfers."""


class SeedError(InputError):
    """A seed that contradicts the history, or that the history does not know."""


class SeedKnownError(SeedError):
    """The case has that seed already: twice would count the theft twice."""


class CaseNameError(InputError):
    """A case name that is not a plain name."""


class NotFoundError(TracerError, LookupError):
    """No such case, seed, address or path."""


class NoPathError(NotFoundError):
    """Two addresses between which no coin can have flowed in the order of time."""


class StoreError(TracerError):
    """The workspace cannot be used."""


class SchemaTooNewError(StoreError):
    """The workspace was written by a newer version of the tracer."""


class WorkspaceBusyError(StoreError):
    """Another process is writing to the workspace and did not finish in time."""


class ProviderError(TracerError):
    """A provider did not answer, or answered nonsense, after all retries."""


class ProviderStopError(ProviderError):
    """A provider will not answer today, or never: daily limit used up, wrong key, chain not offered."""


class NotAskedError(ProviderError):
    """A recording does not hold the answer: the question was not asked when it was made."""


class BudgetSpentError(TracerError):
    """The requests that the investigator allowed are used up. Ends the collection, and is never shown as a failure."""


class ConservationError(TracerError):
    """An accounting pass lost or made coin: a defect of the tracer, never shown as a result."""
