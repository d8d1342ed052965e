"""Events and contracts whose meaning is fixed: tokens, the wrapped coin of each chain, what issuers do.

An event of any contract may copy the shape of another's, so wrapping and issuers' acts count only at the contracts
named here. Topics are keccak-256 of the signature beside them (a test computes each).
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = [
    "DEPOSIT",
    "DESTROYED",
    "ISSUE",
    "MANY_ITEMS",
    "NATIVE_LOGGERS",
    "REDEEM",
    "SIGNATURES",
    "SINGLE_ITEM",
    "TRANSFER",
    "USDT",
    "WITHDRAWAL",
    "WRAPPED",
    "WRAPS_BY_TRANSFER",
]

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""ERC-20 (three topics, the amount as data) and ERC-721 (four topics, no amount)."""
SINGLE_ITEM = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
MANY_ITEMS = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"
WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"
DESTROYED = "0x61e6e66b0d6339b2980aecc6ccc0039736791f0ccde9ed512e789a7fbdd698c6"
ISSUE = "0xcb8241adb0c3fdb35b70c24ce35c5eb0c17af7431c99f827d44a445ca624176a"
REDEEM = "0x702d5967f45f6513a38ffc42d6ba9bf230bd40e8f53b16363c7eb4fd2deb9a44"

SIGNATURES = MappingProxyType(
    {
        TRANSFER: "Transfer(address,address,uint256)",  # ERC-20, ERC-721
        SINGLE_ITEM: "TransferSingle(address,address,address,uint256,uint256)",  # ERC-1155
        MANY_ITEMS: "TransferBatch(address,address,address,uint256[],uint256[])",  # ERC-1155
        DEPOSIT: "Deposit(address,uint256)",  # WETH9
        WITHDRAWAL: "Withdrawal(address,uint256)",  # WETH9
        DESTROYED: "DestroyedBlackFunds(address,uint256)",  # TetherToken
        ISSUE: "Issue(uint256)",  # TetherToken
        REDEEM: "Redeem(uint256)",  # TetherToken
    }
)
"""The signature of every topic above."""

WRAPPED = MappingProxyType(
    {
        "eip155:1": "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",  # etherscan.io, WETH9
        "eip155:10": "0x4200000000000000000000000000000000000006",  # docs.optimism.io, predeploys
        "eip155:56": "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c",  # bscscan.com, WBNB
        "eip155:137": "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270",  # polygonscan.com, WMATIC (WPOL)
        "eip155:8453": "0x4200000000000000000000000000000000000006",  # docs.base.org, base contracts
        "eip155:43114": "0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7",  # snowtrace.io, WAVAX
    }
)
"""The canonical wrapped coin of a chain, a WETH9: wrapping logs Deposit, unwrapping Withdrawal, neither a Transfer."""

WRAPS_BY_TRANSFER = frozenset({"eip155:42161"})
"""Chains whose wrapped coin mints and burns with Transfer (Arbitrum: github.com/OffchainLabs/token-bridge-contracts,
aeWETH), so that wrapping needs no event of its own."""

USDT = MappingProxyType({"eip155:1": "0xdac17f958d2ee523a2206206994597c13d831ec7"})
"""TetherToken (tether.to, supported protocols). `destroyBlackFunds`, `issue` and `redeem` log no Transfer. Of these
only the first says whose balance changed; the two others change that of the contract's owner."""

NATIVE_LOGGERS = frozenset(
    {
        "0xfffffffffffffffffffffffffffffffffffffffe",  # EIP-7708: coin movements as Transfer logs
        "0x0000000000000000000000000000000000001010",  # Polygon PoS: the system contract of the native coin
    }
)
"""Where a Transfer repeats a payment in the chain's own coin, which traces already tell."""
