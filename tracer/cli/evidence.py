"""`tracer evidence`: what a transaction moved, and the raw answers or rows of files that say so."""

from __future__ import annotations

from typing import Annotated

import typer

from tracer.cli.options import CaseName
from tracer.cli.say import amount, clean, line, print_json, records, table
from tracer.cli.session import session_of

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.command("evidence")(evidence)


def evidence(
    context: typer.Context,
    case: CaseName,
    tx: Annotated[str, typer.Argument(metavar="TX", help="Hash of the transaction, in full.")],
) -> None:
    """Show in which raw answers and files a transaction stands.

    One block per source that tells of it: its movements, then each answer by sha256 with the record in it, who gave it
    and when. 4.17 is the 17th record of the 4th answer in a batch; no record: the whole answer is about it.
    """
    session = session_of(context)
    frame = session.case(case).evidence(tx)
    if session.json:
        print_json(records(frame))
        return
    moved = ["position", "kind", "from_address", "to_address", "amount", "asset"]
    rests = ["asked", "row", "sha256", "provider", "fetched_at_utc"]
    for source, rows in frame.groupby("source", sort=False):
        line(f"{clean(source)}, block {clean(rows['block'].iloc[0])}")
        movements = rows.drop_duplicates(["tx_hash", "position", *moved[1:4], "asset", "amount_raw"])
        listed = [
            [r["position"], r["kind"], r["from_address"], r["to_address"]]
            + [amount(r["amount_raw"], r["decimals"], r["symbol"]), r["asset"]]
            for r in movements.to_dict("records")
        ]
        table(moved, listed, right=["position", "amount"])
        line("  rests on")
        table(rests, rows[rests].drop_duplicates().to_numpy().tolist())
        line()
    session.next("export", case, "--out", "DIR", "--evidence")
