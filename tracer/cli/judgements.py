"""`tracer judge`: the analyst's decisions, with reason and author; withdrawn, never deleted.

Two of them change amounts: a declared conversion closes the gap where the data lack one leg of a swap, and a ruling
overrules what is followed by default. A ruling on a link decides which addresses are one cluster.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from tracer.cli.options import CaseName, Chain
from tracer.cli.say import clean, line, print_json, records, table
from tracer.cli.session import session_of
from tracer.errors import InputError, NotFoundError, shown
from tracer.model import LinkVerdict

__all__ = ["register"]

_KINDS = ("conversion", "ruling", "link", "verdict")
_Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="A transaction hash, or the contract of a token.")
]
_Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; required, printed with every result.")
]
_Author = Annotated[str, typer.Option("--author", metavar="NAME", help="Who decided.")]

_group = typer.Typer(no_args_is_help=True, help="Record verdicts, rulings, links and declared conversions.")


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
    author: _Author = "",
) -> None:
    """Record a verdict. It moves no coin: for that there are `stop` and the other kinds of `judge`."""
    session = session_of(context)
    session.case(case).judge(subject, verdict, reason=reason, author=author)
    line(f"Recorded: {clean(subject)} is {clean(verdict)}.")
    session.next("judge", "list", case)


@_group.command("note")
def note(
    context: typer.Context,
    case: CaseName,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address that it is about.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you found, and how.")],
    author: _Author = "",
    chain: Chain = "eip155:1",
) -> None:
    """Write a note on an address. It moves no coin, is exported with the verdicts and can be withdrawn."""
    session = session_of(context)
    number = session.case(case).note(address, text, author, chain)
    line(f"Note {number} recorded.")
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


@_group.command("follow")
def follow(
    context: typer.Context,
    case: CaseName,
    subject: _Subject,
    reason: _Reason,
    author: _Author = "",
    chain: Chain = "eip155:1",
) -> None:
    """Rule that movements which the import left out are followed.

    For a payment that was taken for address poisoning, or a token taken for an imitation. Zero amounts stay out.
    """
    _rule(context, case, subject, "follow", None, reason, author, chain)


@_group.command("leave-out")
def leave_out(
    context: typer.Context,
    case: CaseName,
    subject: _Subject,
    reason: _Reason,
    author: _Author = "",
    chain: Chain = "eip155:1",
) -> None:
    """Rule that the movements of a transaction, or of a token, are left out of flows."""
    _rule(context, case, subject, "leave_out", None, reason, author, chain)


@_group.command("separate")
def separate(
    context: typer.Context,
    case: CaseName,
    tx: Annotated[str, typer.Argument(metavar="TX", help="The transaction hash.")],
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS", help="Whose payment and receipt are unrelated.")
    ],
    reason: _Reason,
    author: _Author = "",
    chain: Chain = "eip155:1",
) -> None:
    """Rule that an address converted nothing in a transaction.

    What it paid goes to whom it paid, what it got comes from who paid it, each with its own taint. The gap
    doubtful_conversion names the transactions to look at.
    """
    _rule(context, case, tx, "separate", address, reason, author, chain)


def _rule(
    context: typer.Context,
    case: str,
    subject: str,
    verdict: str,
    address: str | None,
    reason: str,
    author: str,
    chain: str,
) -> None:
    session = session_of(context)
    number = session.case(case).rule_on(subject, verdict, address, chain=chain, reason=reason, author=author)
    line(f"Ruling {number} recorded: {verdict.replace('_', ' ')} {clean(subject)}.")
    session.next("taint", case)


_A = Annotated[str, typer.Argument(metavar="A", help="One address.")]
_B = Annotated[str, typer.Argument(metavar="B", help="The other one.")]


@_group.command("accept-link")
def accept_link(
    context: typer.Context,
    case: CaseName,
    a: _A,
    b: _B,
    reason: _Reason,
    tx: Annotated[str, typer.Option("--tx", metavar="HASH", help="The transaction that shows it.")] = "",
    confidence: Annotated[
        int, typer.Option("--confidence", metavar="N", min=0, max=100, help="How sure, 0-100.")
    ] = 80,
    author: _Author = "",
    chain: Chain = "eip155:1",
) -> None:
    """Rule that one party controls two addresses: a link of your own. It moves no coin."""
    _link(context, case, a, b, "accept", "", tx, confidence, reason, author, chain)


@_group.command("reject-link")
def reject_link(
    context: typer.Context,
    case: CaseName,
    a: _A,
    b: _B,
    reason: _Reason,
    rule: Annotated[
        str, typer.Option("--rule", metavar="RULE", help="Only links of this rule (default: all).")
    ] = "",
    tx: Annotated[
        str, typer.Option("--tx", metavar="HASH", help="Only the link of this transaction (default: all).")
    ] = "",
    author: _Author = "",
    chain: Chain = "eip155:1",
) -> None:
    """Rule that links between two addresses do not count. They stay listed; other links may still join the two.

    Where further addresses are linked by the same evidence (inputs of one transaction), B comes off, the others stay.
    """
    _link(context, case, a, b, "reject", rule, tx, 80, reason, author, chain)


def _link(
    context: typer.Context,
    case: str,
    a: str,
    b: str,
    verdict: str,
    rule: str,
    tx: str,
    confidence: int,
    reason: str,
    author: str,
    chain: str,
) -> None:
    session = session_of(context)
    opened = session.case(case)
    number = opened.judge_link(
        a, b, verdict, rule=rule, tx=tx, confidence=confidence, chain=chain, reason=reason, author=author
    )
    line(f"Ruling {number} on links recorded: {verdict} {clean(a)} and {clean(b)}.")
    if verdict == LinkVerdict.REJECT:
        made = opened.link_rulings().set_index("number").loc[number]
        with suppress(NotFoundError):  # as a rule nothing joins the two any more
            for link in opened.why_linked(str(made["a"]), str(made["b"])):
                line(
                    f"Still in one cluster by {clean(link.a)} - {clean(link.b)} ({link.rule}, {clean(link.tx)})."
                )
    session.next("clusters", case)


@_group.command("list")
def show(context: typer.Context, case: CaseName) -> None:
    """List verdicts, rulings (also on links) and declared conversions, also withdrawn ones."""
    session = session_of(context)
    opened = session.case(case)
    found = {
        "conversions": opened.conversions(),
        "rulings": opened.rulings(),
        "links": opened.link_rulings(),
        "judgements": opened.judgements(),
    }
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
        int, typer.Argument(metavar="NUMBER", help="Number of the decision, see `judge list`.")
    ],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="conversion, ruling, link or verdict.")
    ] = "conversion",
) -> None:
    """Withdraw a declared conversion, a ruling (also on a link) or a verdict. It stays on record, marked."""
    if kind not in _KINDS:
        raise InputError(f"There is no kind of decision {shown(kind)}.", f"Kinds: {', '.join(_KINDS)}.")
    session = session_of(context)
    opened = session.case(case)
    take_back = {
        "conversion": opened.withdraw_conversion,
        "ruling": opened.withdraw_ruling,
        "link": opened.withdraw_link_ruling,
        "verdict": opened.withdraw_judgement,
    }
    take_back[kind](number)
    line(f"{kind.capitalize()} {number} withdrawn.")
    session.next("taint", case)
