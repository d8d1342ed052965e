"""Where the bundled data lies: recorded cases, labels, tokens, with their sources (data/README.md).

In a source tree that is the folder `data/` at the top; in an installed wheel the same files are in `tracer/_data`.
Nothing is ever written there.
"""

from __future__ import annotations

from pathlib import Path

from tracer.errors import NotFoundError

__all__ = ["data_dir"]

_PACKAGE = Path(__file__).resolve().parent


def data_dir() -> Path:
    """The folder of the bundled data.

    Returns
    -------
    Path
        A folder to read from: `cases/<name>/`, `tokens.toml` and so on lie below it.

    Raises
    ------
    NotFoundError
        If the installation carries no data.

    Examples
    --------
    >>> data_dir().is_dir()
    True
    """
    source_tree = _PACKAGE.parent
    if (source_tree / "pyproject.toml").is_file() and (source_tree / "data").is_dir():
        return source_tree / "data"
    installed = _PACKAGE / "_data"
    if installed.is_dir():
        return installed
    raise NotFoundError(
        "The bundled data is missing from this installation.", "Install the tracer again from its wheel."
    )
