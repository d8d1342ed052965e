"""Facts and opinions as frozen values. No I/O, no database, no clock.

A fact (movement), its evidence (which archived answer says so) and an opinion (label, judgement, stop) are
separate records. Amounts are integers in the smallest unit (wei, sat); times are UTC seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "CONSERVING",
    "NATIVE",
    "UNCONFIRMED",
    "UNREAD",
    "Asset",
    "Conversion",
    "Evidence",
    "Gap",
    "Judgement",
    "Kind",
    "Label",
    "LinkRuling",
    "LinkVerdict",
    "Rule",
    "Seed",
    "Stop",
    "StopCode",
]

NATIVE = "native"
"""The `asset` of a chain's own coin in every table (ETH on eip155:1); any other asset is a contract address."""

UNCONFIRMED = "unconfirmed"
"""Why rows of a transaction that no block holds are left out of flows."""


class Kind(StrEnum):
    """What a movement is. Aliases such as `erc20` are mapped at import.

    `spend` and `output` are the inputs and outputs of a transaction of a Bitcoin-like chain (tracer.chains.utxo_rows).
    """

    NATIVE = "native"
    INTERNAL = "internal"
    TOKEN = "token"
    MINT = "mint"
    BURN = "burn"
    WRAP = "wrap"
    UNWRAP = "unwrap"
    FEE = "fee"
    WITHDRAWAL = "withdrawal"
    ISSUER = "issuer"
    OPENING = "opening"
    POISON = "poison"
    UNKNOWN = "unknown"
    SPEND = "spend"
    OUTPUT = "output"


class Rule(StrEnum):
    """Accounting rules (definitions: docs/accounting.md)."""

    POISON = "poison"
    HAIRCUT = "haircut"
    FIFO = "fifo"
    LIFO = "lifo"
    SENIORITY = "seniority"
    LIBR = "libr"
    TIHO = "tiho"


CONSERVING = (Rule.HAIRCUT, Rule.FIFO, Rule.LIFO, Rule.SENIORITY, Rule.LIBR, Rule.TIHO)
"""The rules under which stolen coin is neither made nor lost (all but poison)."""


class StopCode(StrEnum):
    """Why tracing ends at an address. Printed in every table."""

    SERVICE = "SERVICE"
    DEPOSIT = "DEPOSIT"
    MIXER = "MIXER"
    BRIDGE = "BRIDGE"
    HUB = "HUB"
    DUST = "DUST"
    HORIZON = "HORIZON"
    BUDGET = "BUDGET"
    PENDING = "PENDING"
    PARTIAL = "PARTIAL"
    UNSPENT = "UNSPENT"
    FROZEN = "FROZEN"
    RECOVERED = "RECOVERED"
    BURNED = "BURNED"


UNREAD = frozenset(
    {StopCode.HUB, StopCode.DUST, StopCode.HORIZON, StopCode.BUDGET, StopCode.PENDING, StopCode.PARTIAL}
)
"""Codes of addresses whose own history was not read. Coin that rests there stays; what only passes through such an
address inside a transaction that was read goes on, since nothing about it is unknown."""


@dataclass(frozen=True, slots=True, order=True)
class Asset:
    """A coin or token, identified by chain and contract, never by symbol.

    `symbol` is text from whoever made the contract: for display only. `decimals` is None when unknown; amounts
    of such an asset are shown in raw units.
    """

    chain: str
    ref: str
    symbol: str = field(default="", compare=False)
    decimals: int | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """`chain/ref`, e.g. `eip155:1/native`: the stable id used in files and graphs."""
        return f"{self.chain}/{self.ref}"


@dataclass(frozen=True, slots=True)
class Seed:
    """Where the stolen coin enters.

    `amount` alone adds that much stolen coin before the first movement; with `tx` or `at` the matching inflow is
    relabelled stolen, up to the amount; with neither, every inflow counts (docs/accounting.md, "Seeds").
    `asset` None means every asset that the address ever received, with an amount alone the
    chain's own coin. All seeds of one `theft` are one source. `vout`: only that output of `tx` (Bitcoin-like chains).
    """

    chain: str
    address: str
    tx: str | None = None
    asset: str | None = None
    amount: int | None = None
    at: int | None = None
    theft: str = "theft"
    source: str = ""
    vout: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact stands: the archived answer (sha256) and the row in it (1-based; 0 = the whole answer)."""

    sha256: str
    row: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """An opinion about who controls an address, with its source (docs/labels.md).

    chain: CAIP-2, or `eip155:*` for every EVM chain. name: the text of the source; entity: who that is, "" where the
    name says it. category: what kind of party (exchange, mixer, dex, theft ...); role: what the address does for it
    (hot_wallet, router, pool ...). confidence: 0 to 100 on the scale of GraphSense TagPacks. Times in UTC seconds:
    valid_from (included) and valid_to (excluded) bound the opinion, listed_at and delisted_at an entry of a list,
    seen_at is when the source was read. pack: the label pack it came from, "" for a label of the analyst, which has a
    number in the case, an author, and times of giving and taking back.
    """

    chain: str
    address: str
    name: str
    category: str = ""
    confidence: int = 50
    source: str = ""
    valid_from: int | None = None
    valid_to: int | None = None
    entity: str = ""
    role: str = ""
    source_type: str = ""
    listed_at: int | None = None
    delisted_at: int | None = None
    delisted_reason: str = ""
    licence: str = ""
    seen_at: int | None = None
    pack: str = ""
    author: str = ""
    made_at: int | None = None
    withdrawn_at: int | None = None
    number: int | None = None

    @property
    def who(self) -> str:
        """Whom the label names: the entity, or the text of the source where it states none."""
        return self.entity or self.name

    def in_force(self, at: int | None) -> bool:
        """Whether it holds at the time `at` (None: the latest word): valid, not taken back, not off its list.

        It holds before the day of its listing, too: a wallet was the thief's before the police said so.
        """
        if self.withdrawn_at is not None:
            return False
        ends = [t for t in (self.valid_to, self.delisted_at) if t is not None]
        if at is None:
            return not ends
        return (self.valid_from is None or self.valid_from <= at) and all(at < t for t in ends)


@dataclass(frozen=True, slots=True)
class Stop:
    """The analyst's word that coin does (`code`) or does not (`code` None) stop at an address."""

    chain: str
    address: str
    code: StopCode | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A declared conversion: in transaction `tx` the address also got `amount` of `asset`, says `source`.

    It is a judgement, graded `declared`, never a fact: it adds one movement to that transaction, from
    `counterparty`, and closes the gap that the missing leg left.
    """

    chain: str
    tx: str
    address: str
    asset: str
    amount: int
    counterparty: str
    source: str
    symbol: str = ""
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """An analyst's decision: who, when (UTC seconds), what, and whether it was withdrawn. Never deleted."""

    id: int
    case: str
    author: str
    made_at: int
    subject: str
    verdict: str
    reason: str = ""
    withdrawn_at: int | None = None


class LinkVerdict(StrEnum):
    """What the analyst says about two addresses."""

    ACCEPT = "accept"
    """One party controls both: a link of the analyst's own."""
    REJECT = "reject"
    """The links between them that are meant do not count."""


@dataclass(frozen=True, slots=True)
class LinkRuling:
    """The analyst's word on whether one party controls two addresses; withdrawn rulings stay on record.

    a, b: `chain:address`, canonical. With reject, b is the one that comes off where others are linked by the same
    evidence; rule and tx name the links that are meant, "" for all between the two. With accept, a comes before b, tx
    is the evidence ("" if it is no transaction) and confidence is 0 to 100. Times in UTC seconds.
    """

    number: int
    verdict: LinkVerdict
    a: str
    b: str
    rule: str
    tx: str
    confidence: int
    reason: str
    author: str
    made_at: int
    withdrawn_at: int | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether it no longer counts."""
        return self.withdrawn_at is not None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing, cut, refused or assumed. Shown in the UI and in every export, never dropped.

    `code` is a stable word (e.g. `opening`, `poison`, `unsplit_conversion`); `amount` is in smallest units of
    `asset`, None when it has none. `status` is `open`, `closed` (by a declared conversion or a ruling) or `assumption`.
    """

    code: str
    message: str
    chain: str = ""
    address: str = ""
    asset: str = ""
    amount: int | None = None
    tx: str = ""
    status: str = "open"

    def said(self, language: str) -> str:
        """The message in that language, where the gap can be said in it; else in English, as exports have it."""
        del language
        return self.message
