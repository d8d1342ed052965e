"""`tracer judge`: the analyst's decisions, with reason and author; withdrawn, never deleted.

A declared conversion is the decision that carries coin: it closes the gap where the data lack one leg of a swap.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tracer.cli.options import CaseName, Chain
from tracer.cli.say import clean, line, print_json, records, table
from tracer.cli.session import session_of

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Record verdicts and declared conversions.")


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    app.add_typer(_group, name="judge")


@_group.command("add")
def add(
    context: typer.Context,
    case: CaseName,
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="What it is about: an address, a transaction.")
    ],
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help="The decision, in a word.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    author: Annotated[str, typer.Option("--author", metavar="NAME", help="Who decided.")] = "",
) -> None:
    """Record a verdict. It moves no coin: for that there are `stop` and `judge convert`."""
    session = session_of(context)
    session.case(case).judge(subject, verdict, reason=reason, author=author)
    line(f"Recorded: {clean(subject)} is {clean(verdict)}.")
    session.next("judge", "list", case)


@_group.command("convert")
def convert(
    context: typer.Context,
    case: CaseName,
    tx: Annotated[
        str, typer.Option("--tx", metavar="HASH", help="The transaction whose other leg the data lack.")
    ],
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS", help="Who gave one asset and got another.")
    ],
    asset: Annotated[
        str, typer.Option("--asset", metavar="ASSET", help="What it got: native or a contract address.")
    ],
    amount_raw: Annotated[
        int, typer.Option("--amount-raw", metavar="N", min=1, help="How much it got, in the smallest unit.")
    ],
    counterparty: Annotated[
        str, typer.Option("--counterparty", metavar="ADDRESS", help="Who paid it: a pool, a router.")
    ],
    source: Annotated[
        str, typer.Option("--source", metavar="TEXT", help="Where you have it from; required.")
    ],
    chain: Chain = "eip155:1",
    symbol: Annotated[str, typer.Option("--symbol", metavar="TEXT", help="Symbol to show.")] = "",
    decimals: Annotated[
        int | None,
        typer.Option("--decimals", metavar="N", min=0, max=77, help="Decimals of the asset, to show."),
    ] = None,
) -> None:
    """Declare a conversion: in this transaction the address also got this much of that asset.

    It is graded `declared`, never a fact, and printed with every result that rests on it.
    """
    from tracer.addresses import canonical, chain_id, tx_hash
    from tracer.model import NATIVE, Conversion

    session = session_of(context)
    place = chain_id(chain)
    number = session.case(case).declare(
        Conversion(
            chain=place,
            tx=tx_hash(place, tx),
            address=canonical(place, address),
            asset=asset if asset == NATIVE else canonical(place, asset),
            amount=amount_raw,
            counterparty=canonical(place, counterparty),
            source=source,
            symbol=symbol,
            decimals=decimals,
        )
    )
    line(f"Conversion {number} declared.")
    session.next("taint", case)


@_group.command("list")
def show(context: typer.Context, case: CaseName) -> None:
    """List verdicts and declared conversions, also withdrawn ones."""
    session = session_of(context)
    opened = session.case(case)
    found = {"conversions": opened.conversions(), "judgements": opened.judgements()}
    if session.json:
        print_json({name: records(frame) for name, frame in found.items()})
        return
    for name, frame in found.items():
        line(f"{name} ({len(frame):,})")
        if len(frame):
            table([str(column) for column in frame.columns], frame.itertuples(index=False))


@_group.command("withdraw")
def withdraw(
    context: typer.Context,
    case: CaseName,
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", help="Number of the conversion, see `judge list`.")
    ],
) -> None:
    """Withdraw a declared conversion. It stays in the record, marked as withdrawn."""
    session = session_of(context)
    session.case(case).withdraw_conversion(number)
    line(f"Conversion {number} withdrawn.")
    session.next("taint", case)
