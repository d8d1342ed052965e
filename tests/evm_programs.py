"""Small EVM programs for tests, from a tiny assembler: what a real chain has to run so that adapters can read it.

EMITTER and WETH keep no accounts: they say in events what was moved, which is all that a reader of the chain sees.
`erc20` makes tokens that do keep them. Opcodes: ethereum.org/developers/docs/evm/opcodes.
"""

from __future__ import annotations

from eth_hash.auto import keccak

__all__ = [
    "CALLCODER",
    "CLONER",
    "DELEGATOR",
    "EMITTER",
    "EXPLODER",
    "FACTORY",
    "PAYER",
    "REVERTING_PAYER",
    "UPGRADEABLE",
    "WETH",
    "assemble",
    "call",
    "calls",
    "clone",
    "deployment",
    "erc20",
    "event",
    "forwarder",
    "issued_token",
    "selector",
    "topic",
    "word",
    "wrapped_coin",
]

_OPCODES = {
    "STOP": 0x00,
    "ADD": 0x01,
    "SUB": 0x03,
    "LT": 0x10,
    "EQ": 0x14,
    "ISZERO": 0x15,
    "SHL": 0x1B,
    "SHR": 0x1C,
    "ADDRESS": 0x30,
    "CALLER": 0x33,
    "CALLVALUE": 0x34,
    "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36,
    "CALLDATACOPY": 0x37,
    "CODECOPY": 0x39,
    "SELFBALANCE": 0x47,
    "POP": 0x50,
    "MLOAD": 0x51,
    "MSTORE": 0x52,
    "JUMP": 0x56,
    "JUMPI": 0x57,
    "GAS": 0x5A,
    "JUMPDEST": 0x5B,
    "CREATE": 0xF0,
    "CALL": 0xF1,
    "CALLCODE": 0xF2,
    "SLOAD": 0x54,
    "SSTORE": 0x55,
    "RETURN": 0xF3,
    "DELEGATECALL": 0xF4,
    "CREATE2": 0xF5,
    "REVERT": 0xFD,
    "SELFDESTRUCT": 0xFF,
    **{f"DUP{n}": 0x7F + n for n in range(1, 17)},
    **{f"SWAP{n}": 0x8F + n for n in range(1, 17)},
    **{f"LOG{n}": 0xA0 + n for n in range(5)},
}


def assemble(source: str) -> bytes:
    """Bytecode of words: opcodes, numbers (pushed as they are long), `name:` a jump target, `@name` its place."""
    code, places, marks = bytearray(), {}, []
    for token in source.split():
        if token.endswith(":"):
            places[token[:-1]] = len(code)
            code.append(_OPCODES["JUMPDEST"])
        elif token.startswith("@"):
            marks.append((len(code) + 1, token[1:]))
            code += b"\x61\x00\x00"  # PUSH2
        elif token in _OPCODES:
            code.append(_OPCODES[token])
        else:
            number = int(token, 0)
            size = max(1, (number.bit_length() + 7) // 8)
            code += bytes([0x5F + size]) + number.to_bytes(size, "big")
    for at, name in marks:
        code[at : at + 2] = places[name].to_bytes(2, "big")
    return bytes(code)


def topic(signature: str) -> str:
    """topic0 of an event such as `Transfer(address,address,uint256)`."""
    return "0x" + keccak(signature.encode()).hex()


def selector(signature: str) -> str:
    """The four bytes that call a function."""
    return "0x" + keccak(signature.encode())[:4].hex()


def word(value: int | str) -> bytes:
    """A number or an address as 32 bytes."""
    return (value if isinstance(value, int) else int(value, 16)).to_bytes(32, "big")


def call(signature: str, *arguments: int | str) -> str:
    """Call data of a function whose arguments are numbers and addresses."""
    return selector(signature) + b"".join(map(word, arguments)).hex()


def event(topics: list[str | int], data: bytes = b"") -> str:
    """Call data with which EMITTER logs `topics` and `data`."""
    return "0x" + (b"\0" * 4 + word(len(topics)) + b"".join(word(t) for t in topics) + data).hex()


def calls(*made: tuple[str, int, str]) -> str:
    """Call data with which PAYER calls each (address, value, data) in turn."""
    parts = []
    for to, value, data in made:
        raw = bytes.fromhex(data.removeprefix("0x"))
        parts.append(word(to) + word(value) + word(len(raw)) + raw)
    return "0x" + b"".join(parts).hex()


def deployment(runtime: bytes) -> str:
    """Init code that leaves `runtime` behind."""
    size = len(runtime)
    start = len(assemble(f"{size} 32 0 CODECOPY {size} 0 RETURN"))
    head = assemble(f"{size} {start} 0 CODECOPY {size} 0 RETURN")
    return "0x" + (head + runtime).hex()


_CALL_EACH = """
    0
  loop:                        ; off
    CALLDATASIZE DUP2 LT ISZERO @end JUMPI
    DUP1 64 ADD CALLDATALOAD   ; off len
    DUP1 DUP3 96 ADD 0 CALLDATACOPY
    0 0 DUP3 0                 ; off len 0 0 len 0
    DUP6 32 ADD CALLDATALOAD   ; ... value
    DUP7 CALLDATALOAD GAS CALL POP
    ADD 96 ADD @loop JUMP
  end:
"""


def _program(source: str) -> bytes:
    return assemble("\n".join(line.partition(";")[0] for line in source.splitlines()))


PAYER = _program(_CALL_EACH + "STOP")
"""Makes each call of its data, whatever comes of the others: a disperse contract, a router, a wallet."""

REVERTING_PAYER = _program(_CALL_EACH + "0 0 REVERT")
"""Makes all these calls and then takes everything back."""

_TEXT_ANSWER = f"""
    0 CALLDATALOAD 224 SHR
    DUP1 {selector("decimals()")} EQ @decimals JUMPI
    DUP1 {selector("symbol()")} EQ @symbol JUMPI
    @work JUMP
  decimals:
    6 0 MSTORE 32 0 RETURN
  symbol:
    32 0 MSTORE 3 32 MSTORE {int.from_bytes(b"TOK".ljust(32, bytes(1)), "big")} 64 MSTORE 96 0 RETURN
  work:
"""

EMITTER = _program(
    _TEXT_ANSWER
    + """
    4 CALLDATALOAD             ; n
    DUP1 1 ADD 5 SHL 4 ADD      ; n start
    DUP1 CALLDATASIZE SUB      ; n start size
    DUP1 DUP3 0 CALLDATACOPY
    DUP3 ISZERO @none JUMPI
    DUP3 1 EQ @one JUMPI
    DUP3 2 EQ @two JUMPI
    DUP3 3 EQ @three JUMPI
    132 CALLDATALOAD 100 CALLDATALOAD 68 CALLDATALOAD 36 CALLDATALOAD DUP5 0 LOG4 STOP
  none:
    0 LOG0 STOP
  one:
    36 CALLDATALOAD DUP2 0 LOG1 STOP
  two:
    68 CALLDATALOAD 36 CALLDATALOAD DUP3 0 LOG2 STOP
  three:
    100 CALLDATALOAD 68 CALLDATALOAD 36 CALLDATALOAD DUP4 0 LOG3 STOP
"""
)
"""Logs what it is told (see `event`); decimals() is 6, symbol() is TOK."""

WETH = _program(
    f"""
    CALLDATASIZE ISZERO @deposit JUMPI
    0 CALLDATALOAD 224 SHR
    DUP1 {selector("deposit()")} EQ @deposit JUMPI
    {selector("withdraw(uint256)")} EQ @withdraw JUMPI
    STOP
  deposit:
    CALLVALUE 0 MSTORE CALLER {topic("Deposit(address,uint256)")} 32 0 LOG2 STOP
  withdraw:
    0 0 0 0 4 CALLDATALOAD CALLER GAS CALL POP
    4 CALLDATALOAD 0 MSTORE CALLER {topic("Withdrawal(address,uint256)")} 32 0 LOG2 STOP
"""
)
"""deposit() and withdraw(uint256) with the payments and events of WETH9, without its accounts."""

EXPLODER = _program("0 CALLDATALOAD SELFDESTRUCT")
"""Destroys itself in favour of the address in its data."""

FACTORY = _program("0 0 CALLVALUE CREATE STOP")
"""Makes an empty contract and gives it all the coin that came."""

DELEGATOR = _program("0 0 0 0 0 CALLDATALOAD GAS DELEGATECALL STOP")
"""Runs the code at the address in its data as its own; the coin that came stays here."""

CALLCODER = _program("0 0 0 0 CALLVALUE 0 CALLDATALOAD GAS CALLCODE STOP")
"""The older way of the same: a value is named, but it goes from here to here."""


CLONER = _program("CALLDATASIZE 0 0 CALLDATACOPY CALLDATASIZE 0 0 CREATE STOP")
"""Makes the contract whose init code is its data."""

UPGRADEABLE = _program("CALLDATASIZE 0 0 CALLDATACOPY 0 0 CALLDATASIZE 0 0 SLOAD GAS DELEGATECALL STOP")
"""Runs the code of the address in its slot 0 as its own: a proxy that can be upgraded, a wallet."""


def forwarder(to: str) -> bytes:
    """Keeps what it is paid, and gives all of it to `to` when anybody calls it with data."""
    return _program(f"CALLDATASIZE @flush JUMPI STOP flush: 0 0 0 0 SELFBALANCE {to} GAS CALL STOP")


def clone(of: str) -> bytes:
    """A minimal proxy of an address (EIP-1167)."""
    return bytes.fromhex(f"363d3d373d3d3d363d73{of[2:]}5af43d82803e903d91602b57fd5bf3")


def _dispatch(**functions: str) -> str:
    return "".join(f"DUP1 {selector(sign)} EQ @{mark} JUMPI\n" for mark, sign in functions.items())


def erc20(symbol: str, decimals: int, functions: str = "", bodies: str = "") -> bytes:
    """A token with accounts: the balance of an address is at the slot of its number, set it there to begin with.

    transfer, transferFrom, approve (as ERC-20 has it; more than there is reverts), mint(address,uint256) and
    burn(uint256) for everybody. functions, bodies: more of them, in assembly.
    """
    moved = topic("Transfer(address,address,uint256)")
    text = symbol.encode()
    return _program(f"""
    0 CALLDATALOAD 224 SHR
    {functions}
    {
        _dispatch(
            transfer="transfer(address,uint256)",
            spend="transferFrom(address,address,uint256)",
            approve="approve(address,uint256)",
            mint="mint(address,uint256)",
            burn="burn(uint256)",
            decimals="decimals()",
            symbol="symbol()",
        )
    }
  fail:
    0 0 REVERT
  decimals:
    {decimals} 0 MSTORE 32 0 RETURN
  symbol:
    32 0 MSTORE {len(text)} 32 MSTORE {int.from_bytes(text.ljust(32, bytes(1)), "big")} 64 MSTORE 96 0 RETURN
  transfer:
    CALLER 4 CALLDATALOAD 36 CALLDATALOAD @move JUMP
  spend:                       ; what an owner lets a spender take is at the slot (spender << 96) + owner
    68 CALLDATALOAD CALLER 96 SHL 4 CALLDATALOAD ADD SLOAD LT @fail JUMPI
    4 CALLDATALOAD 36 CALLDATALOAD 68 CALLDATALOAD @move JUMP
  approve:
    36 CALLDATALOAD 4 CALLDATALOAD 96 SHL CALLER ADD SSTORE STOP
  move:                        ; from to amount
    DUP1 DUP4 SLOAD LT @fail JUMPI
    DUP1 DUP4 SLOAD SUB DUP4 SSTORE
    DUP1 DUP3 SLOAD ADD DUP3 SSTORE
    0 MSTORE SWAP1 {moved} 32 0 LOG3
    1 0 MSTORE 32 0 RETURN
  mint:
    4 CALLDATALOAD 36 CALLDATALOAD DUP1 DUP3 SLOAD ADD DUP3 SSTORE
    0 MSTORE 0 {moved} 32 0 LOG3 STOP
  burn:
    4 CALLDATALOAD DUP1 CALLER SLOAD LT @fail JUMPI
    DUP1 CALLER SLOAD SUB CALLER SSTORE
    0 MSTORE 0 CALLER {moved} 32 0 LOG3 STOP
    {bodies}
""")


def wrapped_coin() -> bytes:
    """WETH9: a token with accounts, deposit() and withdraw(uint256), whose wraps are no Transfers."""
    wrap, unwrap = topic("Deposit(address,uint256)"), topic("Withdrawal(address,uint256)")
    return erc20(
        "WETH",
        18,
        "CALLDATASIZE ISZERO @deposit JUMPI\n" + _dispatch(deposit="deposit()", withdraw="withdraw(uint256)"),
        f"""
  deposit:
    CALLVALUE CALLER SLOAD ADD CALLER SSTORE
    CALLVALUE 0 MSTORE CALLER {wrap} 32 0 LOG2 STOP
  withdraw:
    4 CALLDATALOAD DUP1 CALLER SLOAD LT @fail JUMPI
    DUP1 CALLER SLOAD SUB CALLER SSTORE
    0 0 0 0 4 CALLDATALOAD CALLER GAS CALL POP
    0 MSTORE CALLER {unwrap} 32 0 LOG2 STOP
""",
    )


def issued_token() -> bytes:
    """USDT: a token whose issuer can put an address on a list and destroy what it has, without a Transfer."""
    listed, gone = topic("AddedBlackList(address)"), topic("DestroyedBlackFunds(address,uint256)")
    return erc20(
        "USDT",
        6,
        _dispatch(blacklist="addBlackList(address)", destroy="destroyBlackFunds(address)"),
        f"""
  blacklist:
    4 CALLDATALOAD 0 MSTORE {listed} 32 0 LOG1 STOP
  destroy:
    4 CALLDATALOAD DUP1 0 MSTORE DUP1 SLOAD 32 MSTORE
    0 SWAP1 SSTORE {gone} 64 0 LOG1 STOP
""",
    )
