"""`tracer classify`: which transactions of a file are CoinJoins, and of which kind. Belongs to no case."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracer.cli.options import Out
from tracer.cli.say import clean, line, plural, print_json, table
from tracer.cli.session import session_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("classify")(classify)


def classify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Bitcoin transactions as UTXO JSONL.")],
    out: Out = None,
) -> None:
    """Say which transactions are CoinJoins, of which kind, and why.

    Each transaction is judged alone, without a case and without a network.
    """
    session = session_of(context)
    with session.progress(f"reading {clean(file.name)}"):
        frame = _verdicts(file)
    if out is not None:
        from tracer.export import write_csv
        from tracer.export.standalone import VERDICTS

        written = write_csv(out, VERDICTS, frame)
        line(f"wrote {clean(written.path)}: {plural(written.rows or 0, 'row')}")
    if session.json:
        print_json(frame.to_dict("records"))
    else:
        _print(frame)


def _verdicts(file: Path) -> pd.DataFrame:
    import pandas as pd

    from tracer.chains.utxo_jsonl import read_transactions
    from tracer.clusters.coinjoin import classify as judge

    judged = ((t.txid, judge(t)) for t in read_transactions(file, alone=True))
    rows = [(txid, str(v.kind), v.confidence, "; ".join(v.reasons)) for txid, v in judged]
    return pd.DataFrame(rows, columns=["txid", "kind", "confidence", "reasons"])


def _print(frame: pd.DataFrame) -> None:
    """How many of each kind."""
    found = Counter(frame["kind"].tolist())
    table(["kind", "transactions"], [(k, f"{n:,}") for k, n in sorted(found.items())], right=["transactions"])
