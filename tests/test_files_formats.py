"""Tables of other programs: recognised by their columns, and read for what their rows really mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tracer.chains.adapter import LOGS
from tracer.chains.etl_formats import creation_address
from tracer.chains.files import FileImport, read_transfers
from tracer.errors import FileError
from tracer.model import Label
from tracer.movements import amounts_from_column

A, B, C, D = ("0x" + c * 40 for c in "abcd")
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
HASHES = ["0x" + f"{i:x}" * 64 for i in range(1, 10)]
ETHER = 10**18

NATIVE_HEADER = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","ContractAddress","Value_IN(ETH)",'
    '"Value_OUT(ETH)","CurrentValue @ $3114.8/Eth","TxnFee(ETH)","TxnFee(USD)","Historical $Price/Eth","Status",'
    '"ErrCode","Method"'
)
INTERNAL_HEADER = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","ParentTxFrom","ParentTxTo","ParentTxETH_Value",'
    '"From","TxTo","ContractAddress","Value_IN(ETH)","Value_OUT(ETH)","CurrentValue @ $3114.8/Eth",'
    '"Historical $Price/Eth","Status","ErrCode","Type"'
)
ERC20_HEADER = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","TokenValue","USDValueDayOfTx",'
    '"ContractAddress","TokenName","TokenSymbol"'
)


def explorer(header: str, *rows: Sequence[object], **options: Any) -> FileImport:
    """An explorer's export: every cell in quotes, as the sites write it."""
    lines = [header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    return read_transfers(("\r\n".join(lines) + "\r\n").encode(), **options)


def native(
    number: int, payer: str, payee: str, came: str, went: str, fee: str = "0.00042", **cells: str
) -> list[str]:
    given = {"created": "", "status": "", "error": "", "method": "Transfer"} | cells
    start = [HASHES[number], "21895251", "1740147371", "2025-02-21 14:16:11", payer, payee, given["created"]]
    return [*start, came, went, "0", fee, "1.1", "2740.5", given["status"], given["error"], given["method"]]


def facts(result: FileImport) -> list[tuple[object, ...]]:
    names = ("kind", "position", "from_address", "to_address")
    columns = [result.table[n].to_pylist() for n in names]
    return list(zip(*columns, amounts_from_column(result.table["amount"]), strict=True))


def codes(result: FileImport) -> list[str]:
    return [gap.code for gap in result.gaps]


def test_an_explorer_row_is_a_payment_and_a_fee() -> None:
    result = explorer(NATIVE_HEADER, native(1, A, B, "0", "1,234.000000000000000001"))
    assert result.format == "explorer export, transactions (CSV)"
    assert facts(result) == [("fee", 0, A, "", 42 * 10**13), ("native", 1, A, B, 1234 * ETHER + 1)]
    table = result.table
    assert table["chain"].to_pylist() == ["eip155:1"] * 2
    assert table["symbol"].to_pylist() == ["ETH"] * 2
    assert table["timestamp"].to_pylist() == [1740147371] * 2
    assert table["row"].to_pylist() == [1, 1]
    assert '"Method": "Transfer"' in table["extra"][1].as_py()
    assert "chain_assumed" in codes(result)
    assert "fees_absent" not in codes(result)


def test_value_is_read_from_the_incoming_or_the_outgoing_column() -> None:
    result = explorer(NATIVE_HEADER, native(1, A, B, "2.5", "0", "0"), native(2, A, A, "3", "3", "0"))
    assert [f[4] for f in facts(result)] == [25 * 10**17, 3 * ETHER]
    with pytest.raises(FileError, match="disagrees"):
        explorer(NATIVE_HEADER, native(1, A, B, "2", "3"))


@pytest.mark.parametrize("cells", [{"status": "Error(0)", "error": "Out of gas"}, {"error": "Reverted"}])
def test_a_failed_transaction_burns_its_fee_and_moves_nothing(cells: dict[str, str]) -> None:
    result = explorer(NATIVE_HEADER, native(1, A, B, "0", "7", **cells))
    assert facts(result) == [("fee", 0, A, "", 42 * 10**13)]
    gap = next(g for g in result.gaps if g.code == "failed_transaction")
    assert gap.message.startswith("1 failed")


def test_a_status_that_nobody_knows_is_refused() -> None:
    with pytest.raises(FileError, match="neither that the transaction succeeded"):
        explorer(NATIVE_HEADER, native(1, A, B, "0", "7", status="1"))


def test_value_of_a_contract_creation_goes_to_the_contract() -> None:
    result = explorer(NATIVE_HEADER, native(1, A, "", "0", "7", "0", created=C))
    assert facts(result) == [("native", 1, A, C, 7 * ETHER)]


def test_internal_transactions_have_no_position_and_failed_ones_move_nothing() -> None:
    def internal(number: int, value: str, status: str = "0", error: str = "") -> list[str]:
        start = [HASHES[number], "21895251", "1740147371", "2025-02-21 14:16:11", D, B, "0", B, A, ""]
        return [*start, value, "0", "0", "2740.5", status, error, "call"]

    result = explorer(
        INTERNAL_HEADER, internal(1, "401346.768858404671846374"), internal(2, "5", "1", "reverted")
    )
    assert result.format == "explorer export, internal transactions (CSV)"
    assert facts(result) == [("internal", None, B, A, 401346768858404671846374)]
    assert "failed_transaction" in codes(result)


def token(
    number: int, value: str, contract: str = USDC, symbol: str = "USDC", usd: str = "1,000.50"
) -> list[str]:
    start = [HASHES[number], "21895251", "1740147371", "2025-02-21 14:16:11", A, B]
    return [*start, value, usd, contract, "USD Coin", symbol]


def test_token_exports_take_decimals_from_the_table_of_known_tokens() -> None:
    result = explorer(ERC20_HEADER, token(1, "1,234,567.890123"), token(2, "5", usd="N/A"))
    assert result.format == "explorer export, ERC-20 transfers (CSV)"
    assert [f[4] for f in facts(result)] == [1234567890123, 5_000_000]
    assert result.table["decimals"].to_pylist() == [6, 6]
    assert result.table["value"].to_pylist() == ["1000.50", None]
    assert "value_unreadable" in codes(result)


def test_an_unknown_token_needs_its_decimals_by_mapping() -> None:
    with pytest.raises(FileError, match="decimals of the token") as caught:
        explorer(ERC20_HEADER, token(1, "1.5", C, "ABC"))
    assert f"--map decimals:{C}==N" in caught.value.hint
    result = explorer(ERC20_HEADER, token(1, "1.5", C, "ABC"), mapping={f"decimals:{C}": "=8"})
    assert [f[4] for f in facts(result)] == [150_000_000]
    assert result.table["decimals"].to_pylist() == [8]
    everything = explorer(ERC20_HEADER, token(1, "1.5", C, "ABC"), mapping={"decimals": "=8"})
    assert everything.table["decimals"].to_pylist() == [8]


def test_token_mints_and_burns_of_an_export_are_told_from_the_zero_address() -> None:
    rows = [token(1, "1"), token(2, "2")]
    rows[0][4], rows[1][5] = "0x" + "0" * 40, "0x" + "0" * 40
    assert [f[:4] for f in facts(explorer(ERC20_HEADER, *rows))] == [
        ("mint", None, "", B),
        ("burn", None, A, ""),
    ]


def test_sister_explorers_are_other_chains_and_an_unknown_coin_needs_the_chain() -> None:
    header = NATIVE_HEADER.replace("(ETH)", "(BNB)")
    assert explorer(header, native(1, A, B, "1", "0")).table["chain"][0].as_py() == "eip155:56"
    header = NATIVE_HEADER.replace("(ETH)", "(XYZ)")
    with pytest.raises(FileError, match="--chain"):
        explorer(header, native(1, A, B, "1", "0"))
    result = explorer(header, native(1, A, B, "1", "0"), chain="eip155:250")
    assert result.table["chain"][0].as_py() == "eip155:250"
    assert "chain_assumed" not in codes(result)


def test_an_older_export_with_txhash_is_read_and_an_nft_export_refused() -> None:
    old = "Txhash,UnixTimestamp,DateTime,From,To,Value,ContractAddress,TokenName,TokenSymbol"
    line = f"{HASHES[1]},1740147371,2/21/2025 14:16,{A},{B},2.5,{USDC},USD Coin,USDC"
    assert facts(read_transfers(f"{old}\n{line}\n".encode()))[0][4] == 2_500_000
    nft = b"Txhash,UnixTimestamp,From,To,ContractAddress,TokenId,TokenName,TokenSymbol\n1,2,3,4,5,6,7,8\n"
    with pytest.raises(FileError, match="NFT"):
        read_transfers(nft)


TRANSACTIONS = (
    "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,value,gas,gas_price,input"
)


def test_ethereum_etl_transactions_are_top_level_payments() -> None:
    rows = f"{HASHES[1]},9,0x1,47218,0,{A},{B},401346768858404671846374,40000,62227241854,0xabcdef"
    result = read_transfers(f"{TRANSACTIONS},block_timestamp\n{rows},1438936285\n".encode())
    assert result.format == "ethereum-etl transactions (CSV)"
    assert facts(result) == [("native", 1, A, B, 401346768858404671846374)]
    assert result.table["timestamp"].to_pylist() == [1438936285]
    assert "0xabcdef" not in result.table["extra"][0].as_py(), "call data is no money"


def test_ethereum_etl_receipts_give_fees_and_failures() -> None:
    header = f"{TRANSACTIONS},receipt_gas_used,receipt_effective_gas_price,receipt_status"
    paid = f"{HASHES[1]},9,0x1,47218,0,{A},{B},5,40000,99,0x,21000,1000000000000,1"
    failed = f"{HASHES[2]},10,0x1,47218,1,{A},{B},5,40000,99,0x,40000,1000000000000,0"
    result = read_transfers(f"{header}\n{paid}\n{failed}\n".encode())
    assert facts(result) == [
        ("fee", 0, A, "", 21000 * 10**12),
        ("native", 1, A, B, 5),
        ("fee", 0, A, "", 40000 * 10**12),
    ]


def test_the_address_of_a_created_contract_is_computed_from_creator_and_nonce() -> None:
    # the pair that go-ethereum tests crypto.CreateAddress with
    creator = "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"
    assert creation_address(creator, 0) == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert creation_address(creator, 1) == "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"
    row = f"{HASHES[1]},0,0x1,47218,0,{creator},,5,40000,99,0x"
    result = read_transfers(f"{TRANSACTIONS}\n{row}\n".encode())
    assert result.table["to_address"].to_pylist() == ["0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"]


def test_ethereum_etl_token_transfers_come_behind_all_internal_payments() -> None:
    header = "token_address,from_address,to_address,value,transaction_hash,log_index,block_number"
    rows = f"{USDC},{A},{B},100000,{HASHES[1]},7,483920"
    result = read_transfers(f"{header}\n{rows}\n".encode())
    assert facts(result) == [("token", LOGS + 7, A, B, 100000)]
    assert "nft_possible" in codes(result)
    with pytest.raises(FileError, match="log index"):
        read_transfers(f"{header}\n{rows.replace(',7,', ',x,')}\n".encode())


TRACES = (
    "block_number,transaction_hash,transaction_index,from_address,to_address,value,input,output,trace_type,call_type,"
    "reward_type,gas,gas_used,subtraces,trace_address,error,status,trace_id"
)


def trace(
    path: str, value: int, kind: str = "call", call: str = "call", status: str = "1", **cells: str
) -> str:
    given = {"hash": HASHES[1], "from": A, "to": B, "error": ""} | cells
    start = f"1011973,{given['hash']},0,{given['from']},{given['to']},{value},0x,0x,{kind},{call}"
    return f'{start},,1,1,1,"{path}",{given["error"]},{status},id'


def traces(*rows: str) -> FileImport:
    return read_transfers("\n".join([TRACES, *rows, ""]).encode())


def test_traces_are_ordered_by_execution_and_the_top_frame_is_the_transaction() -> None:
    result = traces(
        trace("1,0", 4), trace("0", 2), trace("", 1), trace("0,0", 3), trace("10", 6), trace("2", 5)
    )
    by_amount = {amount: (kind, position) for kind, position, _, _, amount in facts(result)}
    assert by_amount == {
        1: ("native", 1),
        2: ("internal", 2),
        3: ("internal", 3),
        4: ("internal", 4),
        5: ("internal", 5),
        6: ("internal", 6),
    }
    assert "traces_hold_top_level" in codes(result)


def test_what_failed_and_every_call_below_it_moved_nothing() -> None:
    result = traces(
        trace("", 1),
        trace("0", 2, status="0", error="Reverted"),
        trace("0,3", 3),
        trace("0,3,1", 4),
        trace("1", 5),
        trace("0", 6, hash=HASHES[2]),
    )
    assert [f[4] for f in facts(result)] == [1, 5, 6]
    gap = next(g for g in result.gaps if g.code == "reverted_call")
    assert gap.message.startswith("3 ")


def test_a_failed_top_frame_takes_back_everything() -> None:
    result = traces(trace("", 1, status="0"), trace("0", 2), trace("", 3, hash=HASHES[2]))
    assert [f[4] for f in facts(result)] == [3]


@pytest.mark.parametrize("call", ["delegatecall", "staticcall", "callcode"])
def test_frames_that_only_borrow_code_move_nothing(call: str) -> None:
    result = traces(trace("", 1), trace("0", 2, call=call))
    assert [f[4] for f in facts(result)] == [1]
    assert "not_a_transfer" in codes(result)


def test_creations_self_destructs_and_rewards_are_payments() -> None:
    result = traces(
        trace("", 1, kind="create", call="", to=C),
        trace("0", 2, kind="suicide", call=""),
        trace("", 3, kind="reward", call="", hash="", **{"from": ""}),
    )
    assert facts(result) == [("native", 1, A, C, 1), ("internal", 2, A, B, 2), ("mint", None, "", B, 3)]
    with pytest.raises(FileError, match="not a trace type"):
        traces(trace("", 1, kind="selfie"))


FLOWS = "Timestamp,Block,Tx_hash,From,From_label,To,To_label,Value_in_USD"


def test_flow_lists_move_a_dollar_pseudo_asset_and_suggest_labels() -> None:
    rows = [
        f"2024-07-16 12:04:47,20318954,{HASHES[1]},{A},Some Exploiter 2,{B},,335.65",
        f"2024-07-16 12:04:47,20318954,{HASHES[2]},{B},,{C},Some Deposit,335.6",
        f"2024-07-16 12:04:47,20318954,{HASHES[3]},{B},,{D},,7",
    ]
    result = read_transfers("\n".join([FLOWS, *rows]).encode(), name="flows.csv")  # no final newline
    assert result.format == "flow list valued in USD (CSV)"
    assert [f[4] for f in facts(result)] == [33565, 33560, 700]
    assert set(result.table["asset"].to_pylist()) == {"usd"}
    assert set(result.table["decimals"].to_pylist()) == {2}
    assert result.labels == (
        Label("eip155:1", A, "Some Exploiter 2", confidence=30, source="flows.csv"),
        Label("eip155:1", C, "Some Deposit", confidence=30, source="flows.csv"),
    )
    assert result.table["extra"].to_pylist() == [
        '{"From_label": "Some Exploiter 2"}',
        '{"To_label": "Some Deposit"}',
        None,
    ]
    assert "fees_absent" not in codes(result)


def test_flow_lists_with_finer_values_need_more_decimals() -> None:
    data = f"{FLOWS}\n2024-07-16 12:04:47,1,{HASHES[1]},{A},,{B},,0.125\n".encode()
    with pytest.raises(FileError, match="3 decimal places"):
        read_transfers(data)
    result = read_transfers(data, mapping={"decimals": "=6"})
    assert [f[4] for f in facts(result)] == [125_000]


def test_case_files_with_asset_contract_and_decimal_amounts_are_read() -> None:
    header = "chain,tx_hash,block,timestamp_utc,from_address,to_address,asset_contract,symbol,amount,hop,kind"
    steth = "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
    rows = [
        f"eip155:1,{HASHES[1]},1,2025-02-21T14:29:47Z,{A},{B},,ETH,1.0,1,native",
        f"eip155:1,{HASHES[2]},2,2025-02-21T14:41:23Z,{A},{B},{steth},stETH,10000.0,1,token",
        f"eip155:1,{HASHES[3]},2,2025-02-21T14:41:23Z,{A},{C},{D},EТH,10000.0,1,poison",
    ]
    result = read_transfers("\n".join([header, *rows]).encode())
    assert [f[4] for f in facts(result)] == [ETHER, 10_000 * ETHER, 10_000 * ETHER]
    assert result.table["decimals"].to_pylist() == [18, 18, None]
    assert "decimals_assumed" in codes(result), "only for the row that is left out of flows"


def test_any_table_is_read_by_mapping_with_constants() -> None:
    data = f"Sender;Receiver;Sum;Ref\n{A};{B};1.25;x\n".encode()
    mapping = {
        "from_address": "Sender",
        "to_address": "Receiver",
        "amount": "Sum",
        "asset": f"={USDC}",
        "chain": "=ethereum",
    }
    result = read_transfers(data, mapping=mapping)
    assert result.format == "mapped columns (CSV)"
    assert facts(result) == [("token", None, A, B, 1_250_000)]
    assert result.table["extra"].to_pylist() == ['{"Ref": "x"}']


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"from_adress": "Sender"}, "Did you mean from_address"),
        ({"from_address": "Sendr"}, "Did you mean 'Sender'"),
        ({"from_address": "Sender"}, "to_address=Receiver"),
    ],
)
def test_a_mistaken_mapping_gets_the_nearest_name(mapping: dict[str, str], says: str) -> None:
    with pytest.raises(FileError) as caught:
        read_transfers(f"Sender,Receiver,Sum\n{A},{B},1\n".encode(), mapping=mapping)
    assert says in caught.value.hint
