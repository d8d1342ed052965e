"""What an explorer's lists of an address say, made into one history: shared by all kinds of explorer.

A list shows only rows that touch the address, so it is enough for transactions in which the address is merely paid.
Transactions in which it pays, or that only an inner payment tells, are read in full (receipt, inner payments); then
the lists and the full reading are held against each other. Where they differ, one of them is not complete: a gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracer.chains.adapter import History, Span
from tracer.chains.evm_blocks import Transaction, other
from tracer.chains.evm_contracts import WRAPPED, WRAPS_BY_TRANSFER
from tracer.chains.evm_movements import Names, Row, net, table
from tracer.chains.tokens import known
from tracer.errors import shown
from tracer.model import NATIVE, Gap, Kind
from tracer.movements import empty

__all__ = [
    "MOST_NAMES",
    "SIGNED_ONLY",
    "Listed",
    "Sent",
    "balance_gap",
    "chosen",
    "disagreements",
    "fact",
    "hub_of",
    "made",
    "tokens_by_list",
    "unknown_names",
    "unsent",
    "wraps_known",
]

MOST_NAMES = 100
"""Token contracts that are asked for their names one by one: those of others' movements in the same transactions."""

SIGNED_ONLY = frozenset({"eip155:1", "eip155:56", "eip155:100", "eip155:137", "eip155:43114"})
"""Chains whose users' transactions are all signed, and nothing else; on rollups a deposit brings coin along that a row
of a list omits, and may have a number of another kind.
"""

_NO_CODE_GAS = 21_000
_SINCE = 1_704_067_200
"""2024-01-01: EIP-3529 is in force on these chains."""
_ETHEREUM_GAS = frozenset(
    {"eip155:1", "eip155:10", "eip155:56", "eip155:100", "eip155:137", "eip155:8453", "eip155:43114"}
)
"""Chains that charge for gas as Ethereum does."""

_TOKENS = frozenset({Kind.TOKEN, Kind.MINT, Kind.BURN})


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction as a list shows it. time: UTC seconds. failed: it moved nothing but its fee. to: the recipient, or
    the contract that it made.
    """

    sent: Transaction
    time: int
    failed: bool
    to: str


@dataclass(slots=True)
class Listed:
    """Everything that the lists of one address told, up to `most` transactions.

    sent: transactions that it sent or received, by hash. tokens, inner: token movements and inner payments that touch
    it. blocks: the block of every transaction seen. full: those that have to be read in full. names: of tokens.
    singles: transactions of the lists' transfers of single tokens. times: UTC seconds by block. crowded: records of
    another kind (withdrawals), where there are more of them than transactions. logs: token movements by their log.
    """

    chain: str
    address: str
    most: int
    sent: dict[str, Sent] = field(default_factory=dict)
    tokens: list[Row] = field(default_factory=list)
    inner: list[Row] = field(default_factory=list)
    blocks: dict[str, int] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)
    names: Names = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    singles: list[str] = field(default_factory=list)
    times: dict[int, int] = field(default_factory=dict)
    crowded: int = 0
    logs: dict[tuple[str, int | None], Row] = field(default_factory=dict)

    @property
    def hub(self) -> bool:
        """More transactions than the caller wants to read."""
        return max(len(self.blocks), self.crowded) > self.most

    @property
    def unique(self) -> int:
        """Transfers of single tokens in transactions that are not read in full."""
        return sum(tx_hash not in self.full for tx_hash in self.singles)

    def found(self, tx_hash: str, block: int) -> None:
        """Note a transaction; it stands in one block only."""
        before = self.blocks.setdefault(tx_hash, block)
        if before != block:
            raise other(f"the block of {tx_hash}", before, block)

    def timed(self, block: int, time: int) -> None:
        """Note the time of a block; it has one only."""
        before = self.times.setdefault(block, time)
        if before != time:
            raise other(f"the time of block {block}", before, time)

    def logged(self, row: Row) -> bool:
        """Note a token movement whose log is told; False if it was before: a log moves tokens once."""
        before = self.logs.setdefault((row.tx_hash, row.position), row)
        if before != row:
            raise other(f"a log of {row.tx_hash}", before.amount, row.amount)
        return before is row

    def named(self, asset: str, symbol: str, decimals: int | None) -> None:
        """Note a token's names; decimals on which rows differ are unknown."""
        before = self.names.setdefault(asset, (symbol, decimals))
        if before[1] != decimals:
            self.names[asset] = (before[0], None)

    def gap(self, code: str, message: str, *, status: str = "open") -> None:
        """Note what is missing."""
        self.gaps.append(Gap(code, message, chain=self.chain, address=self.address, status=status))

    def choose_full(self, *, inflows: bool) -> None:
        """Decide which transactions have to be read in full."""
        if inflows:
            self.full.update(self.blocks)
            return
        self.full.update(h for h, told in self.sent.items() if told.sent.sender == self.address)
        self.full.update(row.tx_hash for row in self.tokens if row.sender == self.address)
        self.full.update(row.tx_hash for row in self.inner)
        twice = Counter(row for row in self.tokens if row.position is None)
        self.full.update(row.tx_hash for row, count in twice.items() if count > 1)  # two, or one listed twice


def ran_no_code(chain: str, gas: int, time: int) -> bool:
    """Whether the gas proves that no code ran which could pay anybody or log anything, so that nobody has to be asked.

    21,000 gas is the price of a transaction alone (yellow paper, appendix G). Every operation costs more than refunds
    give back for it, and refunds are capped at a fifth (EIP-3529), so code that does anything leaves more than 21,000.
    """
    return chain in _ETHEREUM_GAS and gas == _NO_CODE_GAS and time >= _SINCE


def hub_of(listed: Listed) -> History:
    """The history of an address that nobody reads."""
    return History(
        empty(),
        tuple(listed.gaps),
        complete=False,
        transactions=max(len(listed.blocks), listed.crowded),
        hub=True,
    )


def chosen(listed: Listed, read: Iterable[Row], *, inflows: bool) -> list[Row]:
    """The rows of the history: read in full as `Adapter.history` says, else as the lists show."""
    read, address = list(read), listed.address
    whole = {row.tx_hash for row in read if row.sender == address or (inflows and row.to == address)}
    rows = [row for row in read if row.tx_hash in whole or address in {row.sender, row.to}]
    for tx_hash, told in listed.sent.items():
        if tx_hash not in listed.full and not told.failed:
            sent = told.sent
            place = (sent.block, sent.index, 1, tx_hash)
            rows.append(Row(*place, sent.sender, told.to, NATIVE, sent.value, Kind.NATIVE, told.time))
    rows += [row for row in listed.tokens if row.tx_hash not in listed.full]
    return rows


def disagreements(
    listed: Listed, read: Iterable[Row], read_sent: Iterable[Transaction], *, marked: bool = True
) -> list[Gap]:
    """Where lists and full readings tell different movements of the address: a gap each way.

    marked: the list of inner payments marks those that a failure further up took back.
    """
    address, wrapped = listed.address, WRAPPED.get(listed.chain)
    mine = [row for row in read if address in {row.sender, row.to}]
    pairs = [
        (
            "token transfers",
            listed.tokens,
            [row for row in mine if row.kind in _TOKENS and row.asset != NATIVE],
        ),
        ("inner payments", listed.inner, [row for row in mine if row.kind == Kind.INTERNAL]),
    ]
    gaps = []
    for what, told, found in pairs:
        by_list = Counter(
            fact(row)
            for row in told
            if row.tx_hash in listed.full
            and row.sender != row.to
            and not (row.asset == wrapped and "" in {row.sender, row.to})  # wraps, which some list as tokens
        )
        by_reading = Counter(fact(row) for row in found if row.sender != row.to)
        for missing, where in ((by_reading - by_list, "list"), (by_list - by_reading, "transactions")):
            if missing and (marked or where == "list" or what == "token transfers"):
                gaps.append(_disagree(listed, what, missing.total(), where))
    unlisted = [s for s in read_sent if address in {s.sender, s.to} and s.hash not in listed.sent]
    if unlisted:
        gaps.append(_disagree(listed, "transactions", len(unlisted), "list"))
    return gaps


def unsent(listed: Listed, span: Span) -> list[Gap]:
    """Where the list of transactions lacks some that the address sent: their numbers (nonces) count up one by one from
    0 (Yellow Paper, section 4.1). An account that lent itself code may skip some (EIP-7702): the gap is for people.
    """
    if listed.chain not in SIGNED_ONLY:
        return []
    used = sorted(t.sent.nonce for t in listed.sent.values() if t.sent.sender == listed.address)
    if not used:
        return []
    least = 0 if span.first == 0 else used[0]
    lacks = used[-1] - least + 1 - len(set(used))
    if lacks <= 0:
        return []
    message = (
        f"The provider's list of transactions lacks {lacks} that the address sent: their numbers (nonces), up to "
        f"{used[-1]}, are missing. Only an account that lent itself code (EIP-7702) skips numbers otherwise."
    )
    return [Gap("lists_differ", message, chain=listed.chain, address=listed.address)]


def fact(row: Row) -> tuple[str, str, str, str, int]:
    """A movement without its place in the transaction, which a list may not tell."""
    return (row.tx_hash, row.sender, row.to, row.asset, row.amount)


def _disagree(listed: Listed, what: str, count: int, where: str) -> Gap:
    lacks = (
        f"The provider's list of {what} lacks {count} that its own transactions show: it may lack others too."
        if where == "list"
        else f"The provider lists {count} {what} that its own transactions do not show: they are left out."
    )
    return Gap("lists_differ", lacks, chain=listed.chain, address=listed.address)


def tokens_by_list(listed: Listed, why: str) -> Gap:
    """The assumption that the list of token transfers holds all that others made to or from the address."""
    return Gap(
        "tokens_by_list",
        "That others made no more token payments to this address, or from it, than the provider lists "
        f"rests on its list of token transfers alone: {shown(why, 200)}.",
        chain=listed.chain,
        address=listed.address,
        status="assumption",
    )


def balance_gap(listed: Listed, span: Span, rows: Iterable[Row], change: int | None) -> Gap | None:
    """What the balance says against the rows. change: wei by which it grew in the span, None if nobody tells."""
    if change is None:
        return Gap(
            "balance_unknown",
            "The provider does not tell the balance of that time, so coin that no list shows cannot be noticed.",
            chain=listed.chain,
            address=listed.address,
            status="assumption",
        )
    missing = change - net(rows, listed.address)
    if not missing:
        return None
    return Gap(
        "balance_differs",
        f"In blocks {span.first} to {span.last} the balance of the address grew by {abs(missing)} wei "
        f"{'more' if missing > 0 else 'less'} than the movements found: rewards or tips for blocks, or payments that "
        "the provider does not list.",
        chain=listed.chain,
        address=listed.address,
        asset=NATIVE,
        amount=abs(missing),
    )


def unknown_names(chain: str, names: Names, rows: Iterable[Row]) -> tuple[list[str], list[Gap]]:
    """Enter well-known names into `names`; the assets whose names have to be asked for, and a gap for the rest."""
    unknown = []
    for asset in sorted({row.asset for row in rows} | {NATIVE}):
        token = known(chain, asset)
        if token is not None:
            names[asset] = (token.symbol, token.decimals)
        elif asset not in names:
            unknown.append(asset)
    if len(unknown) <= MOST_NAMES:
        return unknown, []
    message = (
        f"{len(unknown) - MOST_NAMES} tokens are shown without symbol and decimals: too many to ask for."
    )
    return unknown[:MOST_NAMES], [Gap("unnamed_tokens", message, chain=chain, status="assumption")]


def made(chain: str, rows: list[Row], names: Names, gaps: Iterable[Gap], unique: int, count: int) -> History:
    """The history; complete unless a gap is open."""
    gaps = list(gaps)
    if unique:
        message = f"{unique} transfers of single tokens (ERC-721, ERC-1155) are no amounts and are left out."
        gaps.append(Gap("unique_tokens", message, chain=chain, status="assumption"))
    complete = all(gap.status != "open" for gap in gaps)
    return History(table(chain, rows, names), tuple(gaps), complete, count)


def wraps_known(chain: str) -> bool:
    """Whether the tracer knows the wrapped coin of the chain."""
    return chain in WRAPPED or chain in WRAPS_BY_TRANSFER
