"""The work of headers: real ones of the main network pass at their height, invented ones do not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_bitcoin_bytes import GENESIS_HEADER, GENESIS_TXID
from tracer.addresses import BITCOIN
from tracer.chains.bitcoin_answers import check_work
from tracer.chains.bitcoin_bytes import Header, header_bytes, read_header
from tracer.chains.bitcoin_work import _KNOWN, target_of, worked
from tracer.chains.core_blocks import read_blocks
from tracer.chains.endpoint import Endpoint
from tracer.errors import FileError, ProviderError

LIAR = Endpoint("liar", "esplora", BITCOIN, "https://liar.example")
PRIVATE = Endpoint("own", "esplora", BITCOIN, "https://own.example", genesis="11" * 32)
MAY_2024 = 1_717_131_600
EASY = 0x207FFFFF
DIFFICULTY_1 = 0x1D00FFFF

REAL = {
    0: GENESIS_HEADER,
    100_000: header_bytes(
        1,
        "000000000002d01c1fccc21636b607dfd930d31d01c3a62104612a1719011250",
        "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766",
        1_293_623_863,
        0x1B04864C,
        274_148_111,
    ),
    200_000: header_bytes(
        2,
        "00000000000003a20def7a05a77361b9657ff954b2f2080e135ea6f5970da215",
        "a08f8101f50fd9c9b3e5252aff4c1c1bd668f878fffaf3d0dbddeb029c307e88",
        1_348_310_759,
        0x1A05DB8B,
        4_158_183_488,
    ),
    300_025: header_bytes(
        2,
        "00000000000000005cbe0d56fc3714fdea1b542b848c9d9da8fdbd11441d83d1",
        "af193f375fc1aeede6d781c0a563c1a66b4f69723d558438ba80f45ad3c1be28",
        1_399_713_634,
        0x1900896C,
        0x46BFB4D0,
    ),
    500_000: header_bytes(
        0x20000000,
        "0000000000000000007962066dcd6675830883516bcf40047d42740a85eb2919",
        "31951c69428a95a46b517ffb0de12fec1bd0b2392aec07b64573e03ded31621f",
        1_513_622_125,
        0x18009645,
        1_560_058_197,
    ),
    300_000: header_bytes(
        2,
        "000000000000000067ecc744b5ae34eebbde14d21ca4db51652e4d67e155f07e",
        "915c887a2d9ec3f566a648bedcf4ed30d0988e22268cfe43ab5b0cf8638999d3",
        1_399_703_554,
        0x1900896C,
        222_771_801,
    ),
    400_000: header_bytes(
        4,
        "0000000000000000030034b661aed920a9bdf6bbfa6d2e7a021f78481882fa39",
        "b0e8f88d4fb7cbc49ab49a3a43c368550e22a8e9e3e04b15e34240306a53aeec",
        1_456_417_484,
        0x1806B99F,
        657_220_870,
    ),
    800_000: header_bytes(
        874_340_352,
        "000000000000000000012117ad9f72c1c0e42227c2d042dca23e6b96bd9fbb55",
        "91f01a00530c8c83617190048ea8b0814d506cf24dfdbcf8893f8f0cab7f0855",
        1_690_168_629,
        0x17053894,
        106_861_918,
    ),
    840_000: header_bytes(
        710_926_336,
        "0000000000000000000172014ba58d66455762add0512355ad651207918494ab",
        "031b417c3a1828ddf3d6527fc210daafcc9218e81f98257f88d4d43bd7a5894f",
        1_713_571_767,
        0x17034219,
        3_932_395_645,
    ),
}
"""Real headers: a wrong digit in one would change its hash, which then carries no work."""

HASHES = {
    300_000: "000000000000000082ccf8f1557c5d40b21edabb18d2d691cfbf87118bac7254",
    400_000: "000000000000000004ec466ce4732fe6f1ed1cddc2ed4b328fff5224276e3f6f",
    800_000: "00000000000000000002a7c4c1e48d76c5a37902165a270156b7a8d72728a054",
    840_000: "0000000000000000000320283a032748cef8227873ff4872689bf23f1cda83a5",
}


def invented(bits: int, time: int, root: str = "ab" * 32) -> Header:
    """A header that meets its own easy target, made by trying."""
    return next(
        header
        for nonce in range(1000)
        if int((header := read_header(header_bytes(4, "00" * 32, root, time, bits, nonce))).hash, 16)
        <= (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3)
    )


@pytest.mark.parametrize("height", REAL)
def test_real_headers_carry_the_work_of_their_height(height: int) -> None:
    header = read_header(REAL[height])
    assert worked(header, height)
    assert check_work(LIAR, header, height) is header


@pytest.mark.parametrize(("height", "known"), HASHES.items())
def test_the_table_of_known_work_is_that_of_real_headers(height: int, known: str) -> None:
    header = read_header(REAL[height])
    assert header.hash == known
    assert (height, header.time, header.bits) in _KNOWN


@pytest.mark.parametrize("height", [0, 50_000, 845_000])
def test_an_invented_header_with_an_easy_target_is_refused_at_every_height(height: int) -> None:
    header = invented(EASY, MAY_2024)
    with pytest.raises(ProviderError, match="lacks the work") as caught:
        check_work(LIAR, header, height)
    assert "another provider" in caught.value.hint


def test_a_private_network_has_a_work_of_its_own() -> None:
    header = invented(EASY, MAY_2024)
    assert check_work(PRIVATE, header, 845_000) is header


def test_an_old_block_shown_at_a_late_height_or_with_a_late_time_is_refused() -> None:
    """Work once done cheaply buys no place in a later year, whichever of height and time it states."""
    assert not worked(read_header(REAL[0]), 100_000)
    assert not worked(read_header(REAL[100_000]), 200_000)
    assert not worked(read_header(REAL[300_025]), 845_000)
    late = Header("00" * 32, "00" * 32, "ab" * 32, MAY_2024, DIFFICULTY_1)  # a hash that meets any target
    early = Header("00" * 32, "00" * 32, "ab" * 32, 1_231_006_505, DIFFICULTY_1)
    assert worked(early, 50_000)
    assert not worked(late, 50_000)


def test_the_difficulty_may_fall_to_a_quarter_and_no_further() -> None:
    def at(bits: int) -> bool:
        return worked(Header("00" * 32, "00" * 32, "ab" * 32, MAY_2024, bits), 845_000)

    assert at(0x17034219)
    assert at(0x17034219 + 3 * 0x034219)
    assert not at(0x17034219 + 3 * 0x034219 + 1)


def test_a_header_that_misses_its_own_target_is_refused() -> None:
    header = read_header(GENESIS_HEADER[:76] + bytes(4))
    assert header.bits == DIFFICULTY_1
    assert not worked(header, 0)


@pytest.mark.parametrize(
    ("bits", "target"),
    [
        (DIFFICULTY_1, 0xFFFF << 208),
        (0x01003456, 0),
        (0x01123456, 0x12),
        (0x02008000, 0x80),
        (0x04123456, 0x12345600),
        (0x04923456, 0),  # negative
        (0xFF123456, 0),  # above 256 bits
        (0x207FFFFF, 0x7FFFFF << 232),
    ],
)
def test_compact_targets_are_read_as_bitcoin_core_reads_them(bits: int, target: int) -> None:
    """Values of Bitcoin Core, src/test/arith_uint256_tests.cpp; a negative or overflowing one is met by nothing."""
    assert target_of(bits) == target


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1))
def test_no_target_above_the_limit_of_the_network_is_believed(bits: int, height: int, time: int) -> None:
    header = Header("00" * 31 + "01", "00" * 32, "ab" * 32, time, bits)
    if worked(header, height):
        assert 1 <= target_of(bits) <= 0xFFFF << 208


def test_a_file_with_an_invented_block_is_refused() -> None:
    told = {
        "txid": GENESIS_TXID,
        "version": 1,
        "locktime": 0,
        "vin": [
            {
                "coinbase": "04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e2062"
                "72696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73",
                "sequence": 0xFFFFFFFF,
            }
        ],
        "vout": [
            {
                "value": 50,
                "scriptPubKey": {
                    "hex": "4104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f3550"
                    "4e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac"
                },
            }
        ],
    }
    real = {
        "hash": "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        "height": 0,
        "version": 1,
        "merkleroot": GENESIS_TXID,
        "time": 1_231_006_505,
        "bits": "1d00ffff",
        "nonce": 2_083_236_893,
        "tx": [told],
    }
    assert len(read_blocks(json.dumps(real).encode(), "b.json").transactions) == 1
    for nonce in range(1000):
        header = read_header(header_bytes(4, "00" * 32, GENESIS_TXID, MAY_2024, EASY, nonce))
        if int(header.hash, 16) < 1 << 255:
            break
    changed = {"hash": header.hash, "version": 4, "time": MAY_2024, "bits": f"{EASY:x}", "nonce": nonce}
    with pytest.raises(FileError, match="lacks the work"):
        read_blocks(json.dumps({**real, **changed, "height": 845_000}).encode(), "b.json")
    for height in ("0", -1, 2**31, 0.0, True):
        with pytest.raises(FileError, match="its height is"):
            read_blocks(json.dumps({**real, "height": height}).encode(), "b.json")
