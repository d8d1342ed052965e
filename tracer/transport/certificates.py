"""Whose certificate an Electrum server showed before: most are self-signed, so the first one seen is pinned.

A certificate that an authority known to this system vouches for, in the server's name, is accepted whenever it is
shown (such ones are renewed every few months). Any other is pinned by the sha256 of its DER form when it is first
seen; from then on the server must show that very one. A server that once had an authority's word and now has none is
refused too. One small file per server, made in one step, so that two collectors cannot pin two certificates.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from tracer.errors import ProviderStopError, shown

__all__ = ["Certificates"]

_AUTHORITY = "authority"


class Certificates:
    """The pins in a folder of the workspace; None keeps none, and then only authorities are believed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def vouched(self, server: str) -> None:
        """Note that an authority vouches for `server` (host:port)."""
        self._keep(server, _AUTHORITY)

    def check(self, server: str, certificate: bytes) -> None:
        """Pin the self-signed certificate (DER) of a server, or compare it. Raises ProviderStopError if it differs."""
        found = f"sha256:{hashlib.sha256(certificate).hexdigest()}"
        known = self._keep(server, found)
        if known == found:
            return
        if known == "" and self._folder is not None:
            said = (
                f"cannot be checked: {shown(self._path(server))}, where its certificate was noted, is empty"
            )
            hint = "A run was stopped as it wrote the file, or writes it now: ask again; if it stays empty, delete it."
        elif known == "":
            said = "has a certificate that no authority vouches for"
            hint = "Use a server whose certificate is signed, or collect in a workspace, which pins it."
        else:
            before = (
                "had one that an authority vouched for" if known == _AUTHORITY else f"had {known[:23]}..."
            )
            said = f"shows another certificate than before (it {before}, now {found[:23]}...): somebody may be between"
            hint = f"Ask its operator. If the change is right, delete {shown(self._path(server))} and collect again."
        raise ProviderStopError(f"The server {shown(server)} {said}.", hint)

    def _keep(self, server: str, word: str) -> str:
        """What is known of a server; `word` if nothing was until now."""
        if self._folder is None:
            return ""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._path(server)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            known = path.read_text(encoding="utf-8").strip()
            if word == _AUTHORITY != known:
                path.write_text(f"{word}\n", encoding="utf-8")
            return known
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{word}\n")
        return word

    def _path(self, server: str) -> Path:
        assert self._folder is not None  # noqa: S101 - asked only where there is a folder
        return self._folder / re.sub(r"[^a-z0-9.-]", "_", server.lower())
