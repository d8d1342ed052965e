"""Writes what the code says into the documents: docs/cli.md, and the column tables of docs/formats.md.

Run `.venv/bin/python tools/reference.py` after a change of a verb, an option or a column; a test fails until then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracer.cli.app import app
from tracer.export import BATCH, LAYOUTS, OVERLAP

DOCS = Path(__file__).resolve().parent.parent / "docs"

_CLI_HEAD = """# Command line

`tracer VERB CASE ...`. This page is made from the program itself (`tools/reference.py`).

- A case is a name in a workspace, the folder `TRACER_HOME` or `--workspace DIR`.
- The global options may stand before or after the verb.
- Results go to stdout; progress, hints and errors to stderr. After each verb the next useful command is printed.
- Exit status: 0 when nothing failed, 2 for bad input (nothing was changed), 1 for anything else; 141 when the reader
  of the output has gone (`tracer gaps CASE | head`), which is no error.
- Amounts in files and in `--json` are exact integers in the smallest unit; on the screen they are whole coins.

A first case, from two files that you already have:

```sh
tracer case new my-case --rule fifo
tracer seed add my-case 0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2 --source "police report 12"
tracer import my-case export-native.csv export-tokens.csv
tracer taint my-case
tracer export my-case --out my-case-export
```
"""


BESIDE = {"batch": BATCH, "overlap": OVERLAP}
"""Documented files that are no part of a case's export."""


def cli_markdown() -> str:
    """The whole of docs/cli.md."""
    root = typer.main.get_command(app)
    return _CLI_HEAD + "".join(_command(root, "tracer"))


def _command(command: Any, path: str) -> Iterator[str]:
    context = command.make_context(path, [], resilient_parsing=True)
    yield f"\n## {path}\n\n"
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield f"`{usage.replace('{', '').replace('}', '')}`\n\n"
    yield " ".join((command.help or "").split()) + "\n"
    rows = [row for row in (_parameter(p, context) for p in command.get_params(context)) if row]
    if rows:
        yield "\n| option or argument | meaning |\n|---|---|\n"
        yield from rows
    for name in command.list_commands(context) if hasattr(command, "list_commands") else []:
        yield from _command(command.get_command(context, name), f"{path} {name}")


def _parameter(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "option":
        record = parameter.get_help_record(context)
        name, text = record if record is not None else ("", "")
    else:
        name, text = parameter.metavar or parameter.name, parameter.help or ""
    if not name or "--help" in name:
        return ""
    return f"| `{name}` | {' '.join(text.split()).replace('|', '/')} |\n"


def formats_markdown(text: str) -> str:
    """`text` of docs/formats.md with every column table renewed. KeyError for a format without a place in it."""
    for name, layout in (LAYOUTS | BESIDE).items():
        begin, end = f"<!-- columns of {name} -->\n", "<!-- end -->\n"
        head, found, rest = text.partition(begin)
        if not found:
            raise KeyError(name)
        rows = [f"| `{c.name}` | {c.kind} | {c.unit} | {c.meaning} |\n" for c in layout.columns]
        table = "| column | kind | unit | meaning |\n|---|---|---|---|\n" + "".join(rows)
        text = head + begin + f"\nOne row: {layout.row}\n\n" + table + "\n" + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    (DOCS / "cli.md").write_text(cli_markdown(), encoding="utf-8")
    formats = DOCS / "formats.md"
    formats.write_text(formats_markdown(formats.read_text(encoding="utf-8")), encoding="utf-8")
