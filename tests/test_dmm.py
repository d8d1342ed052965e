"""The bundled DMM case (2024-05-31) to the sat, what it does not know, and Bitcoin beside Ethereum in one case."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
import streamlit as st
from typer.testing import CliRunner

from tests.test_ui_pages import _page, opened, text_of
from tests.utxo_histories import transaction, txid
from tracer.addresses import BITCOIN
from tracer.bundled import BYBIT, DMM, load
from tracer.case import Case
from tracer.cli.app import app
from tracer.errors import FileError, InputError, NotFoundError, SeedError, SeedKnownError
from tracer.export.letter import letter
from tracer.model import CONSERVING, Rule
from tracer.results import OUTPOINT_CONVENTIONS
from tracer.ui.drawn import drawn_transfers, transfers_at, transfers_of
from tracer.ui.flow import build_flow
from tracer.ui.overview import figures
from tracer.ui.tables import for_screen
from tracer.ui.views.result_tables import with_units
from tracer.utxo import UtxoTransaction
from tracer.wording import words

THEFT = "975ec405ac9dc9fa5ab8009d94d6a1fe31dff8a8127ea90d023104e52754e4d7"
THIEF = "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"
VICTIM = "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD"
FIRST, SECOND = "bc1qx6jpnnfjrfcx9ehhdmj7qqyzpyd8pek00trrq7", "bc1qrtltlc7zjzj3knde2tqjt7tl2p5l2keh4l2uka"


@pytest.fixture(scope="module")
def dmm(tmp_path_factory):
    return Case.bundled("dmm-2024", tmp_path_factory.mktemp("dmm"))


class TestDmm:
    @pytest.mark.parametrize("rule", [str(rule) for rule in CONSERVING])
    def test_the_thief_holds_what_was_stolen_under_every_rule(self, dmm, rule):
        (row,) = dmm.taint(rule).addresses().to_dict("records")
        assert (row["address"], row["taint_raw"], row["taint"]) == (THIEF, 450_290_000_000, "4502.9")
        assert (row["at_least_raw"], row["at_most_raw"], row["decimals"]) == (450_290_000_000,) * 2 + (8,)
        assert dmm.taint(rule).conservation()["difference_raw"].tolist() == [0]

    def test_nine_inputs_one_output_and_a_fee_of_ten_million_sat(self, dmm):
        rows = dmm.taint().transfers()
        assert rows["kind"].tolist() == ["spend"] * 9 + ["output", "fee"]
        assert rows["amount_raw"].tolist() == [50_300_000_000] + [50_000_000_000] * 8 + [
            450_290_000_000,
            10_000_000,
        ]
        assert rows["taint_raw"].tolist() == [0] * 9 + [450_290_000_000, 0]
        assert set(rows["from_address"][:9]) == {VICTIM}
        assert rows["outpoint"].iloc[9] == f"{THEFT}:0"
        parent = "c03acb80562302248f8be621e765315345a85cd3856bf49583e97b0428342908"
        assert [int(o.removeprefix(f"{parent}:")) for o in rows["outpoint"][:9]] == [
            29,
            21,
            26,
            23,
            24,
            25,
            27,
            28,
            22,
        ]

    def test_what_nobody_says_is_a_gap_and_no_amount(self, dmm):
        gaps = dmm.gaps()
        split = gaps[gaps["code"] == "reported_split"]
        assert len(set(split["address"])) == 10
        assert split["amount_raw"].isna().all()
        assert {"block_unknown", "look_alike", "partial_history"} <= set(gaps["code"])
        assert set(split["address"]).isdisjoint(dmm.compare()["address"])
        assert dmm.as_of == 1_717_129_560  # when DMM noticed, and no gap pretends that it is the block's time

    def test_the_order_of_inputs_and_outputs_is_printed_with_the_trace(self, dmm):
        said = CliRunner().invoke(app, ["taint", "dmm-2024", "--workspace", str(dmm.workspace.root)])
        assert said.exit_code == 0
        for convention in OUTPOINT_CONVENTIONS:
            assert convention in said.stdout.splitlines()

    def test_a_result_prints_as_one_line(self, dmm):
        assert repr(dmm.taint("lifo")) == (
            "<TaintResult of dmm-2024: rule lifo, as of 2024-05-31T04:26:00Z; see .addresses()>"
        )

    def test_the_second_time_it_is_the_same_case(self, dmm):
        assert Case.bundled("dmm-2024", dmm.workspace.root).file.revision == dmm.file.revision

    def test_a_name_that_is_not_bundled_is_refused(self, tmp_path):
        with pytest.raises(NotFoundError, match="no bundled case"):
            Case.bundled("mtgox-2014", tmp_path)


def line(t: UtxoTransaction) -> str:
    head = {
        "chain": t.chain,
        "txid": t.txid,
        "block": t.block,
        "tx_index": t.tx_index,
        "timestamp": t.timestamp,
    }
    spent = [
        {"txid": i.outpoint.txid, "vout": i.outpoint.vout, "address": i.address, "amount_raw": i.amount}
        for i in t.inputs
    ]
    made = [
        {"vout": o.vout, "address": o.address, "amount_raw": str(o.amount)}
        | ({} if o.address else {"script_type": "op_return"})
        for o in t.outputs
    ]
    return json.dumps(head | {"inputs": spent, "outputs": made})


MADE = [
    transaction(1, [(99, 0, VICTIM, 1000), (99, 1, VICTIM, 500)], [(THIEF, 1400)]),
    transaction(2, [(1, 0, THIEF, 1400)], [(FIRST, 600), (THIEF, 780)]),
    transaction(3, [(2, 1, THIEF, 780), (98, 0, SECOND, 220)], [(FIRST, 500), (SECOND, 450), ("", 40)]),
    transaction(4, [(2, 0, FIRST, 600), (3, 0, FIRST, 500)], [(SECOND, 1090)]),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One case: a Bitcoin theft from JSON lines, an Ethereum theft from CSV."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "btc.jsonl").write_text("\n".join(map(line, MADE)))
    s, a = "0x" + "5" * 40, "0x" + "a" * 40
    (folder / "eth.csv").write_text(
        "chain,block,tx_index,position,timestamp_utc,tx_hash,from_address,to_address,asset,amount_raw\n"
        f"eip155:1,5,0,1,2023-11-14T22:13:22Z,0x{1:064x},{s},{a},native,70\n"
    )
    case = Case.create("both", folder)
    assert case.import_file(folder / "btc.jsonl").followed == 18
    case.import_file(folder / "eth.csv")
    case.add_seed(txid(1), "bitcoin")
    case.add_seed(s, amount=100)
    return case


@pytest.fixture(scope="module")
def thefts(tmp_path_factory):
    """The Bybit theft and the DMM theft, from the bundled facts, in one case."""
    case = Case.create("thefts", tmp_path_factory.mktemp("thefts"))
    for name in (BYBIT, DMM):
        facts = load(name)
        for path in facts.files:
            case.import_file(path, partial=facts.partial)
        seeds = [seed for seed in facts.seeds if seed.tx]
        case.update(lambda file, seeds=seeds: replace(file, seeds=(*file.seeds, *seeds)))
    return case


class TestBybitAndDmmInOneCase:
    def test_every_amount_of_every_export_is_in_the_unit_of_its_chain(self, thefts, tmp_path):
        thefts.export(tmp_path / "out")
        places = {f"{BITCOIN}/native": ("BTC", "8"), "eip155:1/native": ("ETH", "18")}
        told, amounts = Counter(), Counter()
        for path in sorted((tmp_path / "out").glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    key = row.get("origin_asset") or row.get("asset", "")
                    key = key if "/" in key else f"{row.get('chain')}/{key}"
                    symbol, decimals = places.get(key, ("", ""))
                    if decimals and row.get("decimals"):
                        assert (row["decimals"], row.get("symbol", symbol)) == (decimals, symbol), path.name
                        told[path.name, symbol] += 1
                    for column in [c for c in row if c.endswith("_raw") and row.get(c[:-4]) and row[c]]:
                        if not row.get("decimals", decimals):
                            continue  # gaps.csv names the symbol alone
                        scaled = Decimal(row[column]).scaleb(-int(row.get("decimals", decimals)))
                        assert Decimal(row[column[:-4]]) == scaled, (path.name, column)
                        amounts[path.name] += 1
        tables = {"taint", "conservation", "compare", "endpoints", "routes", "losses", "transfers"}
        assert {(f"{name}.csv", symbol) for name in tables for symbol in ("BTC", "ETH")} <= set(told)
        assert {"taint.csv", "endpoints.csv", "routes.csv", "losses.csv"} <= set(amounts)

    def test_the_command_line_says_of_which_theft_a_worth_is(self, thefts):
        folder = str(thefts.workspace.root)
        said = CliRunner().invoke(app, ["-w", folder, "taint", "thefts"]).stdout
        assert "Stolen: 4,502.9 BTC, 401,346.768858404671846374 ETH, 90,375.547907685258392043 stETH" in said
        assert "dmm: 4,502.9 BTC was worth about 308,000,000 USD, 48,200,000,000 JPY on 2024-05-31" in said
        assert "bybit: 401,346.768858404671846374 ETH was worth about 1,119,999,354 USD" in said

    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_neither_coin_hides_the_other_on_the_screen(self, thefts, monkeypatch, language):
        """The largest amounts of all assets together were forty times 10,000 ETH, and no BTC."""
        monkeypatch.setenv("TRACER_HOME", str(thefts.workspace.root))
        st.cache_resource.clear()
        at = opened("trace", language, "thefts")
        (frame,) = (
            f.value for f in at.dataframe if list(f.value.columns)[:3] == ["taint_raw", "symbol", "address"]
        )
        assert len(frame) == 40
        assert frame.iloc[0].tolist()[:3] == ["4,502.9", "BTC", THIEF]
        assert list(dict.fromkeys(frame["symbol"])) == ["BTC", "ETH", "stETH"]
        rows = thefts.taint().addresses(ranges=False)
        strip = figures(words(language), rows, thefts.taint().conservation(), thefts.gaps(), {})
        assert strip[0]["value"] == "401,346.76\N{HORIZONTAL ELLIPSIS} ETH \N{MIDDLE DOT} 4,502.9 BTC"
        assert strip[0]["note"] == "+1"
        assert strip[0]["title"].splitlines()[-1] == "4,502.9 BTC"

    def test_sources_are_shown_in_whole_coins_of_their_own(self, thefts):
        frame = with_units(thefts.taint())
        shown, heads = for_screen(frame, words("en"), without={"decimals"})
        (row,) = shown[shown["address"] == THIEF].to_dict("records")
        assert (row["taint_raw"], row["symbol"]) == ("4,502.9", "BTC")
        assert "10,000" in set(shown[shown["symbol"] == "ETH"]["taint_raw"])
        assert "smallest units" not in heads["taint_raw"]


class TestOneCaseWithTwoChains:
    def test_each_theft_is_whole_in_its_own_coin(self, both):
        account = both.taint().conservation().set_index("asset")
        assert account.loc[f"{BITCOIN}/native", ["stolen_raw", "held_raw", "fee_raw"]].tolist() == [
            1400,
            1370,
            30,
        ]
        assert account.loc["eip155:1/native", ["stolen_raw", "held_raw"]].tolist() == [100, 100]

    def test_addresses_are_rows_however_many_outputs_they_have(self, both):
        rows = both.taint("fifo").addresses()
        assert not rows.duplicated(["chain", "address", "asset"]).any()
        held = rows.set_index("address")
        assert held.loc[SECOND, ["taint_raw", "balance_raw", "hop"]].tolist() == [1370, 1540, 2]
        assert held.loc[SECOND, ["at_least_raw", "at_most_raw"]].tolist() == [1320, 1380]
        assert held.loc[THIEF, ["taint_raw", "received_taint_raw", "stop"]].tolist() == [0, 1400, ""]
        for rule in CONSERVING:
            row = both.taint(str(rule)).addresses(ranges=False).set_index("address").loc[SECOND]
            assert 1320 <= row["taint_raw"] <= 1380, rule

    def test_a_transaction_of_several_owners_is_a_node_and_of_one_owner_is_not(self, both):
        graph = both.graph().nx
        node, thief = f"{BITCOIN}:tx:{txid(3)}", f"{BITCOIN}:{THIEF}"
        assert graph.nodes[node]["category"] == "transaction"
        assert [d["taint"] for d in graph[thief][node].values()] == [780]
        assert [d["taint"] for d in graph[thief][f"{BITCOIN}:{FIRST}"].values()] == [600]
        assert f"{BITCOIN}:tx:{txid(2)}" not in graph
        paid = sum(d["amount"] for _, _, d in graph.in_edges(node, data=True))
        assert paid == 780  # the input that carries nothing stolen is no edge of this graph

    def test_routes_add_up_and_name_every_transaction(self, both):
        routes = both.trace_routes(50).listed
        bitcoin = [r for r in routes if r.asset.startswith("bip122")]
        assert sum(r.amount for r in bitcoin) == 1400
        ends = {r.tx_hashes for r in bitcoin if r.endpoint.endswith(SECOND)}
        assert ends == {
            (txid(2), txid(4)),
            (txid(2), txid(3), txid(4)),
            (txid(2), txid(3)),
        }  # change, in transaction 2, is proved too
        assert all(hop.evidence for r in bitcoin for hop in r.hops)

    def test_a_path_follows_outputs_and_not_addresses(self, both):
        found = both.paths(to=SECOND, frm=THIEF, kind="shortest").iloc[0]
        assert found["tx_hashes"].split() == [txid(3)] * 1
        assert found["hops"] == 1

    def test_exports_read_back_to_the_same_numbers(self, both, tmp_path):
        out = tmp_path / "out"
        both.export(out)
        again = Case.create("again", tmp_path)
        again.import_file(out / "transfers.csv")
        again.add_seed(f"{txid(1)}:0", "bitcoin")
        for rule in Rule:
            here, there = (
                c.taint(str(rule))
                .addresses(ranges=False)
                .query("chain == @BITCOIN")[["address", "taint_raw"]]
                for c in (both, again)
            )
            assert here.to_dict("records") == there.to_dict("records"), rule
        assert "On Bitcoin what is held is the output." in (out / "README.txt").read_text()

    def test_a_seed_is_an_address_a_transaction_or_an_output(self, both, tmp_path):
        (tmp_path / "btc.jsonl").write_text("\n".join(map(line, MADE)))
        case = Case.create("seeds", tmp_path)
        case.import_file(tmp_path / "btc.jsonl")
        (seed,) = case.add_seed(f"{txid(2)}:1", "bitcoin")
        assert (seed.address, seed.tx, seed.vout) == (THIEF, txid(2), 1)
        assert case.seeds()["tx"].tolist() == [f"{txid(2)}:1"]
        assert case.taint().conservation()["stolen_raw"].tolist() == [780]
        with pytest.raises(SeedError, match="No source makes or spends"):
            case.add_seed(f"{txid(7)}:1", "bitcoin")
        with pytest.raises(SeedKnownError, match=f"already: {txid(2)}:1"):
            case.add_seed(f"{txid(2)}:1", "bitcoin")
        with pytest.raises(InputError, match="is an output of a transaction, which eip155:1 does not have"):
            case.add_seed(f"{txid(2)}:0")
        with pytest.raises(SeedError, match="it holds data"):
            case.add_seed(f"{txid(3)}:2", "bitcoin")
        with pytest.raises(SeedError, match="count the theft twice"):
            case.add_seed(SECOND, "bitcoin", amount=1090)


def test_a_file_that_spends_an_output_twice_is_refused_whole(tmp_path):
    twin = transaction(5, [(1, 0, THIEF, 1400)], [(FIRST, 1400)])
    (tmp_path / "t.jsonl").write_text("\n".join(map(line, [*MADE, twin])))
    case = Case.create("twice", tmp_path)
    with pytest.raises(FileError, match=r"Rows 2 and 5 spend the same output.*Nothing was imported"):
        case.import_file(tmp_path / "t.jsonl")
    assert len(case.files()) == 0


class TestPicture:
    def test_the_picture_of_a_bitcoin_case_is_that_of_the_graph(self, both):
        result = both.taint()
        drawn = drawn_transfers(result)
        for transfers in (drawn, result.transfers()):
            flow = build_flow(result.addresses(ranges=False), transfers, seeds=[(BITCOIN, THIEF)])
            kinds = {n.id.removeprefix(f"{BITCOIN}:"): n.kind for n in flow.nodes}
            assert kinds[f"tx:{txid(3)}"] == "transaction"
            assert kinds[THIEF] == "seed"
            taint = {
                (e.source.split(":", 2)[-1], e.target.split(":", 2)[-1]): dict(e.taint) for e in flow.edges
            }
            native = f"{BITCOIN}/native"
            assert taint[THIEF, f"tx:{txid(3)}"] == {native: 780}
            assert taint[f"tx:{txid(3)}", SECOND] == {native: 280}
            assert taint[THIEF, FIRST] == {native: 600}
            assert not any(a == b for a, b in taint)

    def test_an_address_lists_its_outputs_and_where_they_were_spent(self, both):
        rows = transfers_at(both.taint(), BITCOIN, THIEF)
        made = rows[rows["kind"] == "output"][["outpoint", "taint_raw", "spent_tx"]].values.tolist()
        assert made == [[f"{txid(1)}:0", 1400, txid(2)], [f"{txid(2)}:1", 780, txid(3)]]
        last = transfers_at(both.taint(), BITCOIN, SECOND)
        assert last[last["kind"] == "output"]["spent_tx"].tolist() == ["", ""]
        assert len(transfers_of(both.taint(), BITCOIN, txid(3))) == 6

    def test_an_address_of_either_chain_is_found_without_naming_the_chain(self, both):
        assert both.bounds([SECOND])["at_most_raw"].tolist() == [1380]
        assert both.bounds([f"{BITCOIN}:{SECOND}"])["at_most_raw"].tolist() == [1380]


class TestPages:
    """The pages of the web UI without a browser (Streamlit's AppTest)."""

    @pytest.fixture
    def home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TRACER_HOME", str(tmp_path))
        st.cache_resource.clear()
        return tmp_path

    @pytest.mark.parametrize("page", ["trace", "case"])
    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_the_bundled_bitcoin_case_is_shown(self, home, page, language):
        at = opened(page, language, case="dmm-2024")
        assert not at.error
        assert "dmm-2024" in at.session_state["kept:case"]

    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_the_panel_of_the_thief_warns_of_the_imitated_address(self, home, language):
        def warned(address):
            at = _page("trace")()
            at.query_params["case"], at.query_params["lang"] = "dmm-2024", language
            at.session_state["see:selected"] = f"{BITCOIN}:{address}"
            at.run()
            assert not at.exception
            return " ".join(w.value for w in at.warning)

        said = warned("1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P")
        assert "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P" in said
        assert {"en": "Look-alike", "ja": "類似"}[language].lower() in said.lower()

    def test_a_transaction_and_an_address_of_bitcoin_have_a_panel(self, home):
        (home / "btc.jsonl").write_text("\n".join(map(line, MADE)))
        case = Case.create("btc", home)
        case.import_file(home / "btc.jsonl")
        case.add_seed(txid(1), "bitcoin")
        for node, shown in ((f"{BITCOIN}:tx:{txid(3)}", txid(3)), (f"{BITCOIN}:{SECOND}", SECOND)):
            at = _page("trace")()
            at.query_params["case"] = "btc"
            at.session_state["see:selected"] = node
            at.run()
            assert not at.exception
            assert not at.error
            assert shown in text_of(at)


def test_what_an_address_of_bitcoin_holds_is_told_apart_by_where_it_came_from(both):
    """SECOND holds 450 and 1,090; what came in: V's 1,400 (100 of it fee before) and SECOND's own 220."""
    table = both.origins(SECOND, rule="fifo")
    assert sum(table["held_raw"]) == 1540
    rows = table.to_dict("records")
    held = {(r["inflow"], r["from_address"]): r["held_raw"] for r in rows if r["held_raw"]}
    assert held == {
        ("stopped", VICTIM): 1370,
        ("opening", SECOND): 170,
    }  # V is labelled as the exchange that was robbed
    assert {r["from_address"]: r["received_raw"] for r in rows if r["inflow"] == "stopped"} == {VICTIM: 1370}
    spent = both.origins(THIEF, rule="fifo")
    assert sum(spent["held_raw"]) == 0
    assert sum(spent["received_raw"]) == 1400


def test_a_movement_to_an_endpoint_names_who_paid_it(both):
    came = both.endpoints(by="transfer")
    here = came[came["address"] == SECOND].to_dict("records")
    assert {(r["from_address"], r["amount_raw"]) for r in here} == {(f"tx:{txid(3)}", 450), (FIRST, 1090)}


@pytest.mark.parametrize(("language", "said"), [("en", "is still here"), ("ja", "残っています")])
def test_unspent_in_the_files_is_not_said_to_be_still_there(language, said):
    """DMM's coin moved on long ago; the bundled record only does not show it."""
    assert said not in words(language).one_of("stop", "UNSPENT")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_freeze_request_names_the_outputs_of_bitcoin(tmp_path, language):
    twice = transaction(2, [(1, 0, THIEF, 1400)], [(FIRST, 600), (THIEF, 180), (FIRST, 600)])
    (tmp_path / "btc.jsonl").write_text("\n".join(map(line, [MADE[0], twice])))
    case = Case.create("twice", tmp_path)
    case.import_file(tmp_path / "btc.jsonl")
    case.add_seed(THIEF, chain="bitcoin", tx=txid(1))
    case.label(FIRST, "Some Exchange", category="exchange", chain="bitcoin")
    said = letter(case.freeze_sheet("Some Exchange"), words(language))
    assert [n for n in range(3) if f"{txid(2)}:{n}" in said] == [0, 2]
