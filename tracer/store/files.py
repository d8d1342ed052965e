"""Writing a file so that a reader, or a crash, sees the old content or the new one and never half of it."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tracer.errors import StoreError, WorkspaceBusyError, shown

__all__ = ["file_errors", "folder_lock", "make_folder", "replace_file"]

_POLL_SECONDS = 0.02


@contextmanager
def file_errors() -> Iterator[None]:
    """Turn errors of the file system into StoreError. Never around code of a caller, whose files are its own."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The workspace cannot be used: {error.strerror or type(error).__name__} ({shown(error.filename)}).",
            "Check the folder's rights and the free space.",
        ) from error


def make_folder(path: Path) -> None:
    """Create `path` (and what is above it); only the last folder is set to mode 0700, and only when it is new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {shown(path)} cannot be made ({error.strerror}).",
            "Choose another folder or correct its rights.",
        ) from error


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a new file of mode 0600, put it on disk, then give it the name `path` in one step."""
    handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)  # mkstemp makes 0600
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name itself must survive a power cut
    finally:
        os.close(folder)


@contextmanager
def folder_lock(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the lock file `path` against other processes and threads; the system frees it when a process dies.

    Raises WorkspaceBusyError after `wait_seconds`.
    """
    with file_errors():
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise WorkspaceBusyError(
                        f"Another process holds {shown(path.parent)}.",
                        "Wait until it has finished and try again.",
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)
