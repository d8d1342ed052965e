"""What a run may depend on besides its case: where the workspace is, which database, language, zone and limits.

Read once at the edge (CLI, web UI, Case) by `read_settings` and passed on as a frozen value; nothing below the
edge looks at the environment. Sources, strongest first: the process environment, then `.env` *of the workspace*
(never of the current folder: a stranger's folder must not redirect a trace). Secrets are `SecretStr`, so they do
not appear in logs, errors or `repr`. A misspelt line of `.env` is refused, because an option that silently does not
apply is worse than an error. The amounts of a case never depend on settings.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from tracer.errors import InputError, shown

__all__ = ["ENV_PREFIX", "KEY_PREFIX", "Settings", "default_home", "read_settings"]

ENV_PREFIX = "TRACER_"
"""Every setting `x` is the environment variable TRACER_X."""

KEY_PREFIX = "TRACER_KEY_"
"""The key `x` of a provider is the environment variable TRACER_KEY_X."""

_MEANT = "TRACER"
_NAME = re.compile(r"[A-Z0-9_]+")
_POSTGRES = "postgresql+psycopg://"


class Settings(BaseModel):
    """The settings of one run, frozen. Building it reads nothing; `read_settings` does.

    home: the workspace folder. database_url: None = the SQLite file of the workspace, else a
    `postgresql+psycopg://` URL (a password in it stays secret). language: `en` or `ja`. time_zone: the IANA zone
    shown beside UTC. max_upload_rows, max_upload_bytes: one imported file may not be larger. busy_seconds: how long
    to wait for another process that is writing. keys: of providers, by lower-case name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path
    database_url: SecretStr | None = None
    language: Literal["en", "ja"] = "en"
    time_zone: str = "Asia/Tokyo"
    max_upload_rows: int = Field(default=5_000_000, ge=1)
    max_upload_bytes: int = Field(default=2 * 2**30, ge=1)
    busy_seconds: float = Field(default=60.0, ge=0)
    keys: Mapping[str, SecretStr] = Field(default_factory=dict, repr=False)

    @field_validator("database_url")
    @classmethod
    def _only_known_databases(cls, url: SecretStr | None) -> SecretStr | None:
        text = url.get_secret_value().strip() if url else ""
        if not text:
            return None
        for prefix in ("postgresql://", "postgres://"):
            if text.startswith(prefix):
                text = _POSTGRES + text.removeprefix(prefix)
        if not text.startswith(_POSTGRES):
            raise ValueError(
                f"must start with {_POSTGRES} (leave it out for the SQLite file of the workspace)"
            )
        return SecretStr(text)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name != "UTC":
            try:
                ZoneInfo(name)
            except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
                raise ValueError("is not an IANA time zone such as Asia/Tokyo") from error
        return name


class _Sources(BaseSettings):
    """Only carries the field names and the prefix for the two sources of `read_settings`."""

    database_url: SecretStr | None = None
    language: str | None = None
    time_zone: str | None = None
    max_upload_rows: int | None = None
    max_upload_bytes: int | None = None
    busy_seconds: float | None = None


def default_home() -> Path:
    """The workspace when none is named: TRACER_HOME, else `tracer` in the user's data folder (XDG)."""
    named = os.environ.get(f"{ENV_PREFIX}HOME", "").strip()
    if named:
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME", "").strip()
    # the XDG specification: a relative path there is to be ignored
    base = Path(data) if data and Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "tracer"


def read_settings(home: str | os.PathLike[str] | None = None) -> Settings:
    """The settings that apply to the workspace `home` (None: `default_home()`).

    Raises InputError that names the setting and where it was read, never its value.
    """
    folder = Path(home).expanduser() if home is not None else default_home()
    dotenv = folder / ".env"
    _refuse_misspelt(dotenv)
    try:
        from_file = DotEnvSettingsSource(
            _Sources, env_file=dotenv, env_file_encoding="utf-8", env_prefix=ENV_PREFIX
        )()
        from_process = EnvSettingsSource(_Sources, env_prefix=ENV_PREFIX)()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The settings file {shown(dotenv)} cannot be read ({type(error).__name__})."
        ) from error
    known = {
        name: value for name, value in (from_file | from_process).items() if name in _Sources.model_fields
    }
    try:
        return Settings(home=folder.absolute(), keys=_keys(dotenv), **known)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0])
        where = "the environment" if name in from_process else str(dotenv)
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise InputError(
            f"The setting {ENV_PREFIX}{name.upper()} in {shown(where)} cannot be used: {reason}.",
            "Correct it or remove it.",
        ) from None  # pydantic's own text would repeat the value, which may hold a password


def _keys(dotenv: Path) -> dict[str, SecretStr]:
    """Keys of providers; what the environment sets decides. An empty value is no key."""
    found = {name.upper(): value for name, value in dotenv_values(dotenv, interpolate=False).items()}
    found |= {name.upper(): value for name, value in os.environ.items()}
    return {
        name.removeprefix(KEY_PREFIX).lower(): SecretStr(value.strip())
        for name, value in found.items()
        if name.startswith(KEY_PREFIX) and value and value.strip()
    }


def _refuse_misspelt(dotenv: Path) -> None:
    """Raise InputError for a line that was meant for the tracer and would not apply. No value is ever repeated."""
    try:
        text = dotenv.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The settings file {shown(dotenv)} cannot be read ({type(error).__name__})."
        ) from error
    names = {f"{ENV_PREFIX}{name.upper()}" for name in _Sources.model_fields}
    for binding in parse_stream(StringIO(text)):
        key = (binding.key or "").upper()
        unread = binding.original.string.upper().partition("=")[0] if binding.error else ""
        if not key.startswith(_MEANT) and _MEANT not in unread:
            continue
        if binding.error or binding.value is None or not _NAME.fullmatch(key):
            raise InputError(
                f"{shown(dotenv)}, line {binding.original.line}, is meant for the tracer and cannot be read.",
                f"Write {ENV_PREFIX}NAME=value, a text with spaces in quotes that are closed.",
            )
        if key not in names and (not key.startswith(KEY_PREFIX) or key == KEY_PREFIX):
            near = difflib.get_close_matches(key, sorted(names), n=1)
            hint = (
                f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(names))}, {KEY_PREFIX}..."
            )
            raise InputError(f"{shown(dotenv)} sets {shown(key)}, which is not a setting.", hint)
