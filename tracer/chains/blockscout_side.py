"""What reaches or leaves an address outside its lists of transactions, by Blockscout's REST API: withdrawals of the
consensus layer, tokens that an issuer destroyed, and what the balance says.

Withdrawals state their amount in wei, as everything here; the schema does not say so, but the balance would not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracer.chains.adapter import Span
from tracer.chains.blockscout_pages import Explorer, Pages
from tracer.chains.blockscout_rows import read_log
from tracer.chains.blockscout_sent import party, read_header
from tracer.chains.evm_blocks import other
from tracer.chains.evm_contracts import DESTROYED, USDT
from tracer.chains.evm_logs import destroyed
from tracer.chains.evm_movements import Row
from tracer.chains.evm_values import record
from tracer.chains.explorer_history import Listed, tokens_by_list
from tracer.chains.explorer_values import field, number, place
from tracer.chains.jsonrpc_asking import together
from tracer.errors import ProviderError
from tracer.model import NATIVE, Kind

__all__ = ["balance_change", "beginning", "find_destroyed", "hold_tokens", "read_withdrawals", "token_count"]


def _block(item: Mapping[str, object]) -> int:
    return place(field(item, "block_number"), "the block of an item")


async def read_withdrawals(explorer: Explorer, listed: Listed, span: Span) -> list[Row]:
    """Coin that the consensus layer paid to the address."""
    told: dict[int, tuple[int, int]] = {}

    def key(item: Mapping[str, object]) -> tuple[int, ...]:
        return (place(field(item, "index"), "the index of a withdrawal"),)

    def take(item: Mapping[str, object]) -> None:
        to = party(item.get("receiver"), "the address of a withdrawal")
        if to is not None and to != listed.address:
            raise other("the address of a withdrawal", listed.address, to)
        told[key(item)[0]] = (_block(item), number(field(item, "amount"), "the amount of a withdrawal"))

    path = f"/addresses/{listed.address}/withdrawals"
    pages = Pages(path, "withdrawals", _block, key, take, lambda: len(told) > listed.most)
    await explorer.read(pages, span)
    if len(told) > listed.most:
        listed.crowded = len(told)
        return []
    blocks = sorted({block for block, _ in told.values()})
    headers = await together([explorer.get(f"/blocks/{n}", settled=True) for n in blocks])
    within = await together([explorer.whole(f"/blocks/{n}/withdrawals", settled=True) for n in blocks])
    rows = []
    for block, answer, page in zip(blocks, headers, within, strict=True):
        header, count = read_header(answer, block)
        places = {key(item)[0]: item for item in page.items}
        for index, (stands, amount) in sorted(told.items()):
            if stands != block:
                continue
            if index not in places or number(places[index].get("amount"), "an amount") != amount:
                raise other("a withdrawal", f"in block {block}", "not there")
            at = index - min(places)
            rows.append(
                Row(
                    block,
                    count,
                    at,
                    header.hash,
                    "",
                    listed.address,
                    NATIVE,
                    amount,
                    Kind.WITHDRAWAL,
                    header.time,
                )
            )
    return rows


async def find_destroyed(explorer: Explorer, listed: Listed, span: Span) -> None:
    """Note the transactions in which the issuer of USDT destroyed tokens of the address: no list of it shows them."""
    contract = USDT.get(listed.chain)
    if contract is None:
        return
    foreign = 0

    def key(item: Mapping[str, object]) -> tuple[int, ...]:
        nonlocal foreign
        log = read_log(item)
        foreign += log.address != contract or log.topics[:1] != (DESTROYED,)
        return (log.block, log.index)

    def take(item: Mapping[str, object]) -> None:
        log = read_log(item)
        if destroyed(listed.chain, log) == listed.address:
            listed.found(log.tx_hash, log.block)
            listed.full.add(log.tx_hash)

    pages = Pages(
        f"/addresses/{contract}/logs",
        "destroyed tokens",
        _block,
        key,
        take,
        lambda: bool(foreign) or listed.hub,
        params=(("topic", DESTROYED),),
    )
    await explorer.read(pages, span)
    if foreign:
        listed.gap("list_missing", "The provider cannot look for tokens that an issuer destroyed.")


async def balance_change(explorer: Explorer, listed: Listed, span: Span, rows: Iterable[Row]) -> int | None:
    """Wei by which the balance grew in the span; None where the instance kept no balance that late."""
    moved = max((row.block for row in rows if row.asset == NATIVE), default=-1)
    after = await _balance(explorer, listed.address, span.last)
    before = (-1, 0) if span.first == 0 else await _balance(explorer, listed.address, span.first - 1)
    if after[0] < moved:
        return None
    return after[1] - before[1]


async def _balance(explorer: Explorer, address: str, block: int) -> tuple[int, int]:
    """(block, wei): the newest balance that the instance kept up to `block`; (-1, 0) if it kept none."""
    path = f"/addresses/{address}/coin-balance-history"
    page = await explorer.page(path, (("block_number", str(block + 1)),), settled=True)
    if not page.items:
        return -1, 0
    at = _block(page.items[0])
    if at > block:
        raise other("the block of a balance", f"up to {block}", at)
    return at, number(field(page.items[0], "value"), "a balance")


async def beginning(explorer: Explorer, listed: Listed) -> list[Row]:
    """Coin that the chain began with: a balance in block 0."""
    at, amount = await _balance(explorer, listed.address, 0)
    if at != 0 or not amount:
        return []
    header, count = read_header(await explorer.get("/blocks/0", settled=True), 0)
    place_ = (0, count, 0, header.hash)
    return [Row(*place_, "", listed.address, NATIVE, amount, Kind.MINT, header.time)]


def is_indexed(answer: object) -> str:
    """What the instance has not read yet, in words; "" if it has read everything."""
    raw = record(answer, "the status of the index")
    if field(raw, "finished_indexing_blocks") is not True:
        return "blocks"
    return "" if field(raw, "finished_indexing") is True else "inner payments"


async def token_count(explorer: Explorer, address: str) -> int:
    """How many token transfers of the address the instance counts, 0 where it does not tell.

    It counts from time to time, so a count that was asked for before the list was read is at most what the list holds.
    Whether it answers this does not decide whether the rest is read: a count takes long where there is much to count.
    """
    try:
        answer = await explorer.maybe(f"/addresses/{address}/counters", settled=False)
        count = record(answer, "the counters of an address").get("token_transfers_count")
        return 0 if count is None else number(count, "a number of token transfers")
    except ProviderError:
        return 0


def hold_tokens(listed: Listed, count: int, items: int) -> None:
    """Hold the list of token transfers, `items` in all, against the instance's count; it still stands alone."""
    if count > items:
        message = (
            f"The provider counts {count} token transfers of the address and lists {items}: some are missing."
        )
        listed.gap("list_cut", message)
    listed.gaps.append(tokens_by_list(listed, "the provider offers no second index of them"))
