"""The history of a Bitcoin address from what any provider lists of it, with everything checked that bytes can check.

Whoever lists transactions is believed in one thing only: that the list is whole. Each listed transaction must hash to
its id, pay the address or spend an output that paid it, and stand in its block by a merkle proof; amounts of inputs
come from the transactions that made them, checked by hash. The balance that the provider states is compared with the
outputs left over: a difference is a gap with its amount. What is not checked: that the headers are those of the chain
with the most work (their own proof of work is), and that a provider which hides a payment hides it in the balance too.

Of a transaction in which the address pays, all inputs and outputs; of one in which it is only paid, what it got: else
whoever is paid together with a hundred others would have to be asked for the whole of it each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tracer.chains.adapter import Head, History, Span
from tracer.chains.bitcoin_bytes import RawTransaction
from tracer.chains.bitcoin_facts import Place, told_of, with_inputs
from tracer.chains.bitcoin_scripts import hash_of_owner, script_hash
from tracer.chains.utxo_rows import table_of
from tracer.errors import InputError, ProviderError
from tracer.model import NATIVE, Gap
from tracer.movements import empty
from tracer.utxo import Outpoint, UtxoTransaction

__all__ = ["Entry", "Listing", "Prover", "Provider", "history_of", "transaction_of", "unknown"]

Entry = tuple[int, str]
"""(block, txid): two coinbases of 2010 stand in two blocks each under one id (BIP-30)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a provider lists of an address now. entries: confirmed ones, sorted, from the first block asked for on.

    whole: they begin with the address's first. unconfirmed: how many more wait for a block. balance: sat that
    confirmed outputs hold at the time of the list, None if unknown. missing: how many the provider counts but does not
    list. refused: its words if the history is too long for it. count: how many there are, where it lists none of them
    because they are more than were wanted.
    """

    entries: tuple[Entry, ...] = ()
    whole: bool = True
    unconfirmed: int = 0
    balance: int | None = None
    missing: int = 0
    refused: str = ""
    count: int = 0


class Prover(Protocol):
    """A provider of single transactions, which checks every answer. All raise ProviderError."""

    async def transactions(self, txids: Iterable[str]) -> dict[str, RawTransaction]:
        """Transactions by id, each proved by its hash."""
        ...

    async def places(self, entries: Iterable[Entry], *, settled: bool) -> dict[Entry, Place]:
        """Where transactions stand, each proved by the merkle root of its block. settled: the blocks are final."""
        ...


class Provider(Prover, Protocol):
    """A provider that also lists what an address did."""

    async def listed(self, address: str, span: Span, most: int) -> Listing:
        """See Listing. With more than `most` entries up to the end of the span, any part of them."""
        ...


async def history_of(
    provider: Provider, chain: str, address: str, span: Span, most: int, *, inflows: bool
) -> History:
    """See `Adapter.history`."""
    if not 0 <= span.first <= span.last or most < 0:
        raise InputError(f"Blocks {span.first} to {span.last} are no span.", "Give the lower block first.")
    if ":" in address.removeprefix("script:"):
        return _without_script(chain, address)
    hashed = hash_of_owner(address)
    listing = await provider.listed(address, span, most)
    inside = [entry for entry in listing.entries if span.first <= entry[0] <= span.last]
    if listing.refused or max(len(inside), listing.count) > most:
        return _hub(listing, len(inside), chain, address)
    balanced = listing.balance is not None and listing.whole and len(listing.entries) <= most
    read = listing.entries if balanced else inside  # the balance is that of now: what came later is read too
    raws = await provider.transactions({txid for _, txid in read})
    places = await provider.places(inside, settled=True)
    own = _outputs_to(hashed, raws)
    wanted = {txid for _, txid in inside}
    paying = {txid for txid in wanted if any(outpoint in own for outpoint, _ in raws[txid].inputs)}
    strangers = wanted - paying - {outpoint.txid for outpoint in own}
    if listing.whole and strangers:
        raise ProviderError(
            f"The provider lists {min(strangers)} as a transaction of {address}, which it is not.",
            "Ask another provider.",
        )
    placed = [(raws[txid], places[block, txid]) for block, txid in inside]
    if not inflows and listing.whole:  # else any of them may spend what came before the list
        wanted = paying | {txid for txid in wanted if not raws[txid].inputs}
    whole = await resolved(provider, chain, [one for one in placed if one[0].txid in wanted], raws)
    if not inflows:
        whole = [t for t in whole if t.coinbase or any(spent.owner == address for spent in t.inputs)]
    done = {(t.block, t.txid): t for t in whole}
    parts = {(place.block, raw.txid) for raw, place in placed} - set(done)
    told = [done.get((place.block, raw.txid)) or _paid(chain, raw, place, hashed) for raw, place in placed]
    told.sort(key=lambda t: (t.block or 0, t.tx_index or 0))
    gaps = _gaps(listing, raws if balanced else None, own, chain, address, span)
    return History(
        table_of(told, parts=parts),
        tuple(gaps),
        complete=all(gap.status != "open" for gap in gaps),
        transactions=len(inside),
    )


async def transaction_of(
    provider: Prover, chain: str, raw: RawTransaction, block: int | None, final: Head
) -> History:
    """See `Adapter.transaction`. block: where the provider says that it stands, None if in none."""
    if block is None:
        return unknown(chain, raw.txid)
    settled = block <= final.block
    entry = (block, raw.txid)
    places = await provider.places([entry], settled=settled)
    whole = await resolved(provider, chain, [(raw, places[entry])], {})
    gaps = []
    if not settled:
        message = f"Block {block} can still be taken back: the newest final block is {final.block}."
        gaps.append(Gap("not_final", message, chain=chain, tx=raw.txid))
    return History(table_of(whole), tuple(gaps), complete=settled, transactions=1)


def unknown(chain: str, txid: str) -> History:
    """The history of a transaction that no block holds."""
    gap = Gap("unknown_transaction", "The provider knows no such mined transaction.", chain=chain, tx=txid)
    return History(empty(), (gap,), complete=False)


async def resolved(
    provider: Prover,
    chain: str,
    placed: Sequence[tuple[RawTransaction, Place]],
    known: Mapping[str, RawTransaction],
) -> list[UtxoTransaction]:
    """Transactions with the amounts and owners of their inputs. known: transactions that need not be asked for."""
    parents = {outpoint.txid for raw, _ in placed for outpoint, _ in raw.inputs}
    made = {**known, **await provider.transactions(sorted(parents - set(known)))}
    return [with_inputs(chain, raw, place, made) for raw, place in placed]


def _outputs_to(hashed: str, raws: Mapping[str, RawTransaction]) -> dict[Outpoint, int]:
    return {
        Outpoint(txid, vout): output.amount
        for txid, raw in raws.items()
        for vout, output in enumerate(raw.outputs)
        if script_hash(output.script) == hashed
    }


def _gaps(
    listing: Listing,
    raws: Mapping[str, RawTransaction] | None,
    own: Mapping[Outpoint, int],
    chain: str,
    address: str,
    span: Span,
) -> list[Gap]:
    """What is missing. raws: all transactions of the address until now, None if the balance cannot be compared."""
    gaps = []
    if listing.unconfirmed:
        message = (
            f"{listing.unconfirmed} transactions of the address were in no block when it was asked: left out, as "
            "they may be replaced."
        )
        gaps.append(Gap("not_in_block", message, chain=chain, address=address, status="assumption"))
    if listing.missing:
        message = f"The provider counts {listing.missing} more transactions of the address than it lists."
        gaps.append(Gap("list_short", message, chain=chain, address=address))
    if raws is None:
        message = "The balance of that time is not known, so payments that the provider does not list are not noticed."
        gaps.append(Gap("balance_unknown", message, chain=chain, address=address, status="assumption"))
        return gaps
    spent = {outpoint for raw in raws.values() for outpoint, _ in raw.inputs}
    left = sum(amount for outpoint, amount in own.items() if outpoint not in spent)
    missing = (listing.balance or 0) - left
    if missing:
        message = (
            f"The address holds {abs(missing)} sat {'more' if missing > 0 else 'less'} than the transactions that "
            f"the provider lists for it leave (blocks up to {span.last} and later): the list is not whole."
        )
        gaps.append(
            Gap("balance_differs", message, chain=chain, address=address, asset=NATIVE, amount=abs(missing))
        )
    return gaps


def _hub(listing: Listing, count: int, chain: str, address: str) -> History:
    gaps = []
    if listing.refused:
        message = "The provider does not tell so long a history: ask a node of your own."
        gaps.append(Gap("history_too_long", message, chain=chain, address=address))
    return History(empty(), tuple(gaps), complete=False, transactions=max(listing.count, count), hub=True)


def _without_script(chain: str, outpoint: str) -> History:
    """Coin of an output whose script is empty, or is told by no source: nothing to ask for."""
    message = "The output has no script that could be asked for, so whether it was spent is not known."
    gap = Gap("script_unknown", message, chain=chain, address=outpoint)
    return History(empty(), (gap,), complete=False)


def _paid(chain: str, raw: RawTransaction, place: Place, hashed: str) -> UtxoTransaction:
    """What a script got from a transaction, without its inputs and the other outputs."""
    told = told_of(chain, raw, place, ())
    own = tuple(output for output in told.outputs if script_hash(bytes.fromhex(output.script)) == hashed)
    return replace(told, outputs=own)
