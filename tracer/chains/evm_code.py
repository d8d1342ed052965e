"""The code of a contract by name: addresses of one name do the same, where the code alone settles what they do.

A provider is asked for it only of an address that may be a contract: one that paid what it did not sign for. Names:

- `eip7702:ADDRESS`: no code of its own; the account of somebody with a key, who lends it that contract's (EIP-7702).
- `eip1167:ADDRESS`: a minimal proxy, which runs the code of that contract and can never run another (EIP-1167).
- `safe:SHA256`: a Safe, a wallet of its owners (the proxies of Safe's published releases 1.0.0 to 1.5.0).
- `delegating:SHA256`: it runs other code, and its storage or its caller may say whose (upgradeable proxies, wallets).
- `sha256:SHA256`: any other code, which does the same wherever it stands.

The sha256 is that of the runtime code. Opcodes: the Yellow Paper, appendix H.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from tracer.chains.evm_movements import Row
from tracer.chains.evm_values import data
from tracer.errors import NotAskedError, ProviderError
from tracer.model import NATIVE, Gap, Kind

__all__ = ["CodeKind", "kind_of", "may_be_contract", "name_of", "read_code"]


class CodeKind(StrEnum):
    """What stands before the colon of a name."""

    LENT = "eip7702"
    CLONE = "eip1167"
    SAFE = "safe"
    DELEGATING = "delegating"
    SETTLED = "sha256"


_LENT = bytes.fromhex("ef0100")
_CLONE = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
_ADDRESS = 20

_SAFES = frozenset(
    {
        "c3e58c40326410ef96e7023c5350b54f9513a20375ab3cfe4019a9eb52d00250",  # 1.0.0
        "9354b6b299263e49363ced298d512b1719feb70a5b911ca27d2850b77d9f35b6",  # 1.1.1, 1.2.0, 1.3.0, 1.4.1
        "31ea399e9f31a44ce844fc99cec76c63b84ab34c8838dbcefbe86c434f41bfb3",  # 1.5.0
    }
)
"""sha256 of Safe's proxies without the compiler's metadata, which differ from build to build. From the field
`deployedBytecode` of the npm packages @gnosis.pm/safe-contracts 1.0.0, 1.1.1, 1.2.0, 1.3.0,
@safe-global/safe-contracts 1.4.1 and @safe-global/safe-smart-account 1.5.0."""

_JUMPDEST, _PUSH1, _PUSH32 = 0x5B, 0x60, 0x7F
_LOOKS_UP = frozenset({0x35, 0x54})  # CALLDATALOAD, SLOAD
_RUNS_OTHER = frozenset({0xF2, 0xF4})  # CALLCODE, DELEGATECALL
_ENDS = frozenset({0x00, 0x56, 0xF3, 0xFD, 0xFE, 0xFF})  # STOP, JUMP, RETURN, REVERT, INVALID, SELFDESTRUCT


def may_be_contract(rows: Sequence[Row], address: str) -> bool:
    """Whether a history shows what only an account with code does: pay coin in a transaction that it did not sign.

    A token can also be moved by whom its owner let (ERC-20, transferFrom), and poisoners log payments that the payer
    never made; so tokens count only where the address signed nothing at all (a contract cannot: EIP-3607).
    """
    signer = {
        r.tx_hash: r.sender for r in rows if r.kind == Kind.FEE or (r.kind == Kind.NATIVE and r.position == 1)
    }
    unsigned = [r for r in rows if r.sender == address and r.amount and signer.get(r.tx_hash) != address]
    return any(r.asset == NATIVE for r in unsigned) or (bool(unsigned) and address not in signer.values())


async def read_code(
    chain: str, address: str, rows: Sequence[Row], ask: Callable[[], Awaitable[object]]
) -> tuple[str, list[Gap]]:
    """The name of the code of an address, "" if it has none or need not be asked; a gap where nobody tells.

    ask: gives the code as hex with 0x, None where the provider refuses. A history that was collected before codes were
    asked for is read again as it was: without.
    """
    if not may_be_contract(rows, address):
        return "", []
    try:
        answer = await ask()
    except NotAskedError:
        return "", []
    try:
        return name_of(data(answer, "the code of a contract")), []
    except ProviderError:
        message = (
            "The provider does not tell the code of this contract, so it cannot be compared with that of others:"
            " whether it is a deposit address is judged by its payments alone."
        )
        return "", [Gap("code_unknown", message, chain=chain, address=address, status="assumption")]


def name_of(code: bytes) -> str:
    """The name of runtime code, "" for none."""
    if not code:
        return ""
    if code.startswith(_LENT) and len(code) == len(_LENT) + _ADDRESS:
        return f"{CodeKind.LENT}:0x{code[len(_LENT) :].hex()}"
    head, tail = _CLONE
    if code.startswith(head) and code.endswith(tail) and len(code) == len(head) + _ADDRESS + len(tail):
        return f"{CodeKind.CLONE}:0x{code[len(head) : -len(tail)].hex()}"
    if hashlib.sha256(_without_metadata(code)).hexdigest() in _SAFES:
        kind = CodeKind.SAFE
    else:
        kind = CodeKind.DELEGATING if _leaves_open(code) else CodeKind.SETTLED
    return f"{kind}:{hashlib.sha256(code).hexdigest()}"


def kind_of(name: str) -> CodeKind | None:
    """The kind of a named code, None for "" (no code, or none known)."""
    return CodeKind(name.partition(":")[0]) if name else None


def _without_metadata(code: bytes) -> bytes:
    """The code before what the compiler notes behind it (docs.soliditylang.org, "Contract Metadata")."""
    size = int.from_bytes(code[-2:], "big") + 2
    return code[:-size] if size < len(code) else code


def _leaves_open(code: bytes) -> bool:
    """Whether it can run code whose place its storage or its caller tells, so that equal code may do different things.

    Bytes behind an end are passed over until a place that can be jumped to: constants and metadata are no code.
    """
    found: set[int] = set()
    runs, at = True, 0
    while at < len(code):
        opcode = code[at]
        runs |= opcode == _JUMPDEST
        if runs:
            found.add(opcode)
            runs = opcode not in _ENDS
        at += 1 + (opcode - _PUSH1 + 1 if _PUSH1 <= opcode <= _PUSH32 else 0)
    return not found.isdisjoint(_LOOKS_UP) and not found.isdisjoint(_RUNS_OTHER)
