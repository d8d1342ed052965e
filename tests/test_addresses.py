"""Addresses: what is accepted, refused, and how the refusal helps the investigator."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.addresses import (
    BITCOIN,
    TRON,
    canonical,
    chain_id,
    chain_name,
    display,
    display_many,
    is_tx_hash,
    parse_account,
    tx_hash,
)
from tracer.base58_bech32 import base58check_decode, segwit_decode
from tracer.eip55 import _FEW, _spell_one, spell
from tracer.errors import AddressError, InputError

THIEF = "0x47666Fab8bd0Ac7003bce3f5C3585383F09486E2"  # Bybit theft receiver, FBI PSA I-022625 context
DMM_THIEF = "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"
HEX40 = st.text(alphabet="0123456789abcdef", min_size=40, max_size=40)

# The test vectors of EIP-55.
EIP55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", EIP55)
def test_eip55_vectors_are_accepted_and_shown_again(address: str) -> None:
    assert canonical("eip155:1", address) == address.lower()
    assert display("eip155:1", address.lower()) == address


def test_lower_and_upper_case_carry_no_checksum_and_are_accepted() -> None:
    assert canonical("eip155:1", THIEF.lower()) == THIEF.lower()
    assert canonical("eip155:1", "0x" + THIEF[2:].upper()) == THIEF.lower()


def test_a_wrong_checksum_is_refused_with_the_right_spelling() -> None:
    wrong = THIEF.replace("Fab8", "fAb8")
    with pytest.raises(AddressError) as caught:
        canonical("eip155:1", wrong)
    assert THIEF in caught.value.hint
    assert "typo" in caught.value.hint


@given(st.lists(HEX40, min_size=_FEW, max_size=_FEW + 8))
def test_the_vectorised_keccak_equals_the_library(digits: list[str]) -> None:
    addresses = ["0x" + d for d in digits]
    assert spell(addresses) == [_spell_one(a) for a in addresses]


@given(HEX40)
def test_canonical_undoes_display(digits: str) -> None:
    assert canonical("eip155:56", display("eip155:56", "0x" + digits)) == "0x" + digits


def test_display_many_keeps_words_and_other_chains() -> None:
    assert display_many("eip155:1", ["", "native", THIEF.lower()]) == ["", "native", THIEF]
    assert display_many(BITCOIN, [DMM_THIEF]) == [DMM_THIEF]


@pytest.mark.parametrize(
    "address",
    [
        DMM_THIEF,
        "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD",
        "bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ],
)
def test_bitcoin_addresses_of_every_form_are_accepted(address: str) -> None:
    assert canonical(BITCOIN, address) == address


def test_bech32_is_one_case_and_becomes_lower_case() -> None:
    address = "bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq"
    assert canonical(BITCOIN, address.upper()) == address
    with pytest.raises(AddressError):
        canonical(BITCOIN, "BC1" + address[3:])


@pytest.mark.parametrize(
    "text",
    [  # from the lists of invalid addresses in BIP-350
        "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
        "bc1pw5dgrnzv",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
        "bc1gmk9yu",
        "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7Q",
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    ],
)
def test_bitcoin_addresses_with_a_wrong_checksum_or_network_are_refused(text: str) -> None:
    with pytest.raises(AddressError):
        canonical(BITCOIN, text)


@given(st.integers(0, 33), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"))
def test_one_changed_letter_is_always_noticed(place: int, letter: str) -> None:
    changed = DMM_THIEF[:place] + letter + DMM_THIEF[place + 1 :]
    assert (base58check_decode(changed) is not None) == (changed == DMM_THIEF)


@given(st.text(max_size=100))
def test_decoders_never_fail_on_hostile_text(text: str) -> None:
    assert base58check_decode(text) is None or text.isascii()
    assert segwit_decode("bc", text) is None or text.lower().startswith("bc1")


def test_tron_usdt_contract_is_a_tron_address() -> None:
    usdt = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    assert canonical(TRON, usdt) == usdt
    with pytest.raises(AddressError):
        canonical(TRON, usdt[:-1] + "u")


@pytest.mark.parametrize(
    ("chain", "text", "says"),
    [
        ("eip155:1", "bc1qlu4a33zjspefa3tnq566xszcr0fvwz05ewhqfq", "Bitcoin"),
        ("eip155:1", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "Tron"),
        (BITCOIN, THIEF, "Ethereum"),
        (TRON, DMM_THIEF, "Bitcoin"),
        ("eip155:1", THIEF[2:], "lacks the leading 0x"),
        ("eip155:1", "0x47666F...F09486E2", "shortened"),
        ("eip155:1", "0x" + "ab" * 32, "transaction hash"),
        ("eip155:1", THIEF + " ", "blanks"),
        ("eip155:1", THIEF + "\u200b", "invisible"),
        ("eip155:1", "0x47666\u0430" + THIEF[8:], "non-ASCII"),
        ("eip155:1", "", "42 characters"),
        ("solana:x", THIEF, "not a chain"),
    ],
)
def test_a_refusal_says_what_the_text_is_instead(chain: str, text: str, says: str) -> None:
    with pytest.raises(AddressError) as caught:
        canonical(chain, text)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "chain"),
    [("ethereum", "eip155:1"), (" Bitcoin ", BITCOIN), ("eip155:8453", "eip155:8453"), ("tron", TRON)],
)
def test_chain_names_and_ids_are_read(text: str, chain: str) -> None:
    assert chain_id(text) == chain


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("etherium", "eip155:1"),
        ("1", "eip155:1"),
        ("bitcon", BITCOIN),
        ("zzz", "ethereum"),
        ("eip155:01", "eip155:1"),
    ],
)
def test_an_unknown_chain_gets_the_nearest_one(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        chain_id(text)
    assert hint in caught.value.hint


def test_chains_have_readable_names() -> None:
    assert [chain_name(c) for c in ("eip155:1", "eip155:56", BITCOIN, "eip155:999")] == [
        "Ethereum",
        "BNB Smart Chain",
        "Bitcoin",
        "eip155:999",
    ]


def test_caip10_accounts_are_split_and_must_agree_with_the_chain() -> None:
    assert parse_account("eip155:1:" + THIEF) == ("eip155:1", THIEF.lower())
    assert parse_account(f"{BITCOIN}:{DMM_THIEF}") == (BITCOIN, DMM_THIEF)
    assert parse_account(THIEF, "eip155:1") == ("eip155:1", THIEF.lower())
    with pytest.raises(AddressError, match="eip155:56"):
        parse_account("eip155:1:" + THIEF, "eip155:56")
    with pytest.raises(AddressError, match="Ethereum"):
        parse_account(THIEF)


def test_transaction_hashes_have_64_digits_and_a_prefix_on_evm_only() -> None:
    digits = "B61413C495FDAD6114A7AA863A00B2E3C28945979A10885B12B30316EA9F072C"
    assert tx_hash("eip155:1", digits) == "0x" + digits.lower()
    assert tx_hash(BITCOIN, "0x" + digits) == digits.lower()
    assert is_tx_hash("eip155:1", "0x" + digits)
    assert not is_tx_hash("eip155:1", digits)
    assert not is_tx_hash(BITCOIN, "0x" + digits)
    with pytest.raises(InputError, match="63 characters"):
        tx_hash("eip155:1", "0x" + digits[1:])
