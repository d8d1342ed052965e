"""Readers of label files: every entry becomes a label or a numbered problem, and nothing hostile gets through."""

from __future__ import annotations

import contextlib
import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.addresses import BITCOIN, TRON
from tracer.errors import FileError, InputError, StoreError, TracerError
from tracer.labels import LabelBook
from tracer.labels.book import ANY_EVM
from tracer.labels.pack import Pack, pack_from, pack_text
from tracer.labels.reading import KINDS, Reading, kind_of, read_pack
from tracer.labels.rows import COLUMNS, label_time
from tracer.model import Label

ETH = "0x28C6c06298d514Db089934071355E5743bf21d60"
SPOILT = "0x28c6c06298d514Db089934071355E5743bf21d60"
LTC = "LNf2JDiuunBz7GMDKFYHN4rq5meXWxiwfb"
BTC, TRX = "34xp4vRoCGJym3xR7yCVPFHoCNxv4Twseo", "TNVaKWQzau7xL9bcnvLmF9KSEQkWEs4Ug8"


def read(data: str | bytes, kind: str, name: str = "file", **reading: dict[str, str]) -> Pack:
    raw = data.encode() if isinstance(data, str) else data
    pack = read_pack(raw, name, Reading(kind, **reading))
    text, _ = pack_text(pack)
    assert pack_from(text) == pack  # whatever was read survives its normal form
    return pack


def problems(pack: Pack) -> list[tuple[int, bool]]:
    return [(p.row, p.refused) for p in pack.problems]


# CSV


def test_a_csv_in_our_columns_is_read_whole() -> None:
    row = {
        "chain": "ethereum",
        "address": ETH,
        "name": "Binance: hot",
        "entity": "Binance",
        "category": "Exchange",
        "role": "hot_wallet",
        "source": "https://x.example",
        "source_type": "protocol",
        "confidence": "70",
        "valid_from": "2020-01-02",
        "valid_to": "2026-01-02T03:04:05Z",
        "listed": "2021-01-01",
        "delisted": "2022-01-01",
        "delisted_reason": "why",
        "licence": "MIT",
        "seen": "2026-11-26",
    }
    assert list(row) == list(COLUMNS)
    text = io.StringIO()
    csv.DictWriter(text, row).writeheader()
    csv.DictWriter(text, row).writerow(row)
    (made,) = read(text.getvalue(), "csv").labels
    assert (made.chain, made.address, made.who, made.category) == (
        "eip155:1",
        ETH.lower(),
        "Binance",
        "exchange",
    )
    assert (made.valid_from, made.valid_to) == (label_time("2020-01-02"), label_time("2026-01-02T03:04:05Z"))
    assert (made.listed_at, made.delisted_at, made.seen_at) == tuple(
        label_time(row[name]) for name in ("listed", "delisted", "seen")
    )
    assert (made.role, made.confidence, made.source_type, made.licence) == (
        "hot_wallet",
        70,
        "protocol",
        "MIT",
    )
    assert (made.source, made.delisted_reason) == ("https://x.example", "why")


def test_columns_are_mapped_and_what_a_file_does_not_say_is_given_along() -> None:
    text = f"Wallet;Who\n{ETH};A\n{BTC};B\n"
    pack = read(
        text,
        "csv",
        mapping={"address": "Wallet", "name": "Who"},
        fixed={"category": "exchange", "confidence": "60", "seen": "2024-09-27"},
    )
    assert [(x.chain, x.name, x.category, x.confidence) for x in pack.labels] == [
        ("eip155:1", "A", "exchange", 60),
        (BITCOIN, "B", "exchange", 60),
    ]
    assert pack.as_of == label_time("2024-09-27")
    assert problems(pack) == [(2, False)]  # that it is Ethereum was assumed, and is said
    for wrong in ({"address": "Nope"}, {"colour": "Who"}):
        with pytest.raises(InputError, match=r"no column 'Nope'|no field 'colour'"):
            read(text, "csv", mapping=wrong)


def test_every_bad_row_is_a_numbered_problem_and_the_good_ones_are_read() -> None:
    rows = [
        f"eip155:1,{ETH},good,50,",
        f"eip155:1,{SPOILT},wrong checksum,50,",
        f"dogecoin,{ETH},network,50,",
        f"eip155:1,{ETH},,50,",
        f"eip155:1,{ETH},confidence,101,",
        f"eip155:1,{ETH},confidence,0.7,",
        f"eip155:1,{ETH},day,50,31/12/2024",
        f"eip155:1,{BTC},chain,50,",
        f"eip155:1,{ETH},cells",
        f"eip155:1,{ETH},{'n' * 1001},50,",
        f"eip155:1,{ETH},also good,50,2024-12-31",
    ]
    pack = read("chain,address,name,confidence,valid_from\n" + "\n".join(rows), "csv")
    assert [x.name for x in pack.labels] == ["good", "also good"]
    assert [p.row for p in pack.problems if p.refused] == list(range(3, 12))
    assert pack.refused == 9
    assert all(p.message and p.text for p in pack.problems)


def test_hostile_text_stays_text_and_what_is_invisible_is_shown() -> None:
    names = ["<script>alert(1)</script>", "'=HYPERLINK(1)", "Binance\u202egnp", "a\u200bb", "x\x1b[31m"]
    pack = read("address,name\n" + "".join(f'{ETH},"{n}"\n' for n in names), "csv", fixed={"chain": "evm"})
    assert [x.name for x in pack.labels] == [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",  # the exporter's guard is taken off again
        "Binance\\u202egnp",
        "a\\u200bb",
        "x\\u001b[31m",
    ]
    assert problems(pack) == [(4, False), (5, False), (6, False)]
    assert {x.chain for x in pack.labels} == {ANY_EVM}


@given(
    st.lists(st.tuples(st.sampled_from([ETH, SPOILT, BTC, TRX, "", "x"]), st.text(max_size=8)), max_size=8)
)
def test_no_row_is_lost(rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["address", "name"])
    good = [r for r in rows if "\r" not in r[1] and "\n" not in r[1] and "\0" not in r[1]]
    writer.writerows(good)
    try:
        pack = read(text.getvalue().encode("utf-8", "surrogatepass"), "csv")
    except FileError:
        return
    assert len(pack.labels) + pack.refused == len(good)


# Lists


def test_a_list_says_nothing_but_addresses_so_the_name_must_be_given() -> None:
    text = f"# comment\n{ETH}\n\n{BTC} # inline\nnonsense\n"
    with pytest.raises(FileError, match="does not say what they are"):
        read(text, "list")
    pack = read(text, "list", fixed={"name": "seized", "chain": "evm"})
    assert [(x.chain, x.name) for x in pack.labels] == [(ANY_EVM, "seized")]
    assert problems(pack) == [(4, True), (5, True)]


def test_the_ticker_of_a_sanctions_list_is_no_chain() -> None:
    name = "sanctioned_addresses_USDT.txt"
    pack = read(f"{ETH}\n{BTC}\n{TRX}\n", "list", name=name)
    assert [x.chain for x in pack.labels] == [ANY_EVM, BITCOIN, TRON]
    assert {(x.category, x.source_type, x.confidence) for x in pack.labels} == {
        ("sanctioned", "sanctions", 60)
    }
    assert pack.problems == ()
    odd = read(
        f"{BTC}\nqpf2cphc5dkuclkqur7lhj2yuqq9pk3hmukle77vhq\n", "list", name="sanctioned_addresses_BCH.txt"
    )
    assert [x.chain for x in odd.labels] == [BITCOIN]
    assert problems(odd) == [(1, False), (2, True)]
    assert "ambiguous" in odd.problems[0].message


# TagPacks

TAGPACK = f"""
title: Wallets
creator: me
label: Header
source: https://x.example
confidence: service_data
category: exchange
actor: binance
lastmod: 2022-11-15
tags:
- address: {ETH}
  currency: ETH
- address: {BTC}
  currency: BTC
  label: Own
  confidence: web_crawl
- address: '{ETH}'
  network: BEP20
  concepts: [hacking, exchange]
  category: ''
- address: ltc1qxx
  currency: LTC
- tx_hash: abc
  currency: BTC
- address: {SPOILT}
  currency: ETH
- address: {TRX}
  currency: USDT
  tag_type: mention
- address: {ETH}
  currency: ETH
  confidence: sure
- nothing
"""


def test_tags_inherit_from_the_header_and_an_unquoted_address_keeps_its_checksum() -> None:
    pack = read(TAGPACK, "tagpack")
    assert [(x.chain, x.name, x.entity, x.category, x.confidence) for x in pack.labels] == [
        ("eip155:1", "Header", "binance", "exchange", 50),
        (BITCOIN, "Own", "binance", "exchange", 20),
        ("eip155:56", "Header", "binance", "exchange", 50),
        (TRON, "Header", "binance", "", 50),
    ]
    assert {x.seen_at for x in pack.labels} == {label_time("2022-11-15")} == {pack.as_of}
    assert pack.title == "Wallets"
    assert sorted(p.message.split(" ")[0] for p in pack.problems if p.refused) == sorted(
        ["the", "a", "'0x28c6c06298d514Db089934071355E5743bf21d60'", "the", "a"]
    )
    assert len(pack.labels) + pack.refused == 9


def test_words_of_tagpacks_become_ours_and_unknown_ones_stop_nothing() -> None:
    def category(body: str) -> str:
        pack = read(
            f"title: t\ncreator: c\ntags:\n- address: {ETH}\n  label: x\n  network: eth\n{body}", "tagpack"
        )
        return pack.labels[0].category

    assert category("  category: mixing_service") == "mixer"
    assert category("  concepts: [defi, mixing]") == "mixer"
    assert category("  abuse: sanction") == "sanctioned"
    assert category("  category: user\n  abuse: service_hack") == "theft"
    assert category("  category: hosted_wallet") == "custodian"
    assert category("  category: defi_dex") == "dex"
    assert category("  category: lottery") == "lottery"


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1, 2]\nb: *x\n",
        "a: [" + "[" * 5000 + "]" * 5001,
        "title: t\ntitle: u\ntags: []\n",
        "title: t\n---\ntitle: u\n",
        "- a\n- b\n",
        "{{}: 1}",
        "a: b: c",
        "title: t\n",
        "!!python/object/apply:os.system ['true']",
        "",
        "\x00",
    ],
)
def test_yaml_that_no_tagpack_needs_is_refused(text: str) -> None:
    with pytest.raises(FileError):
        read(text, "tagpack")


def test_yaml_tags_make_no_objects() -> None:
    pack = read(
        f"title: !!python/name:os.system x\ntags:\n- address: {ETH}\n  network: eth\n  label: !!int '7'\n",
        "tagpack",
    )
    assert [x.name for x in pack.labels] == ["7"]


# OFAC

NAMESPACE = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/ADVANCED_XML"


def sdn(parties: str, entries: str = "", namespace: str = NAMESPACE) -> str:
    return f"""<?xml version="1.0"?><Sanctions xmlns="{namespace}">
    <DateOfIssue><Year>2024</Year><Month>9</Month><Day>27</Day></DateOfIssue>
    <ReferenceValueSets><FeatureTypeValues>
      <FeatureType ID="9">Gender</FeatureType>
      <FeatureType ID="344">Digital Currency Address - XBT</FeatureType>
      <FeatureType ID="345">Digital Currency Address - ETH</FeatureType>
      <FeatureType ID="887">Digital Currency Address - USDT</FeatureType></FeatureTypeValues>
      <EntryEventTypeValues><EntryEventType ID="1">Created</EntryEventType>
      <EntryEventType ID="2">Removed</EntryEventType><EntryEventType ID="3">Modified</EntryEventType>
      <EntryEventType ID="4">De-listed</EntryEventType></EntryEventTypeValues>
      <ScriptValues><Script ID="215" ScriptCode="Latn">Latin</Script><Script ID="287" ScriptCode="Hang">Hangul</Script>
      </ScriptValues></ReferenceValueSets>
    <DistinctParties>{parties}</DistinctParties><SanctionsEntries>{entries}</SanctionsEntries></Sanctions>"""


def party(profile: str, name: str, features: list[tuple[str, str]]) -> str:
    found = "".join(
        f'<Feature FeatureTypeID="{kind}"><FeatureVersion>'
        f"<VersionDetail>{text}</VersionDetail></FeatureVersion></Feature>"
        for kind, text in features
    )
    parts = "".join(f"<NamePartValue>{part}</NamePartValue>" for part in name.split())
    return f"""<DistinctParty><Profile ID="{profile}"><Identity><Alias Primary="false"><DocumentedName>
    <NamePartValue>AKA</NamePartValue></DocumentedName></Alias><Alias Primary="true"><DocumentedName>{parts}
    </DocumentedName></Alias></Identity>{found}</Profile></DistinctParty>"""


def entry(profile: str, *days: tuple[str, str]) -> str:
    events = "".join(
        f'<EntryEvent EntryEventTypeID="{kind}"><Date><Year>{day[:4]}</Year><Month>{day[5:7]}</Month>'
        f"<Day>{day[8:]}</Day></Date></EntryEvent>"
        for kind, day in days
    )
    return f'<SanctionsEntry ProfileID="{profile}">{events}</SanctionsEntry>'


def test_ofac_addresses_carry_party_day_and_every_evm_chain() -> None:
    parties = party("7", "Lazarus Group", [("9", "male"), ("344", BTC), ("345", ETH), ("887", TRX)])
    parties += party("8", "Nobody", [("9", "male")]) + party("10", "Late", [("344", LTC)])
    pack = read(
        sdn(parties, entry("7", ("3", "2018-01-01"), ("1", "2019-09-13"), ("1", "2020-03-02"))), "ofac"
    )
    assert [(x.chain, x.address, x.entity) for x in pack.labels] == [
        (BITCOIN, BTC, "Lazarus Group"),
        (ANY_EVM, ETH.lower(), "Lazarus Group"),
        (TRON, TRX, "Lazarus Group"),
    ]
    assert {x.listed_at for x in pack.labels} == {label_time("2019-09-13")}
    assert pack.as_of == label_time("2024-09-27") == pack.labels[0].seen_at
    assert problems(pack) == [(4, False), (4, True)]  # no day of entry; an address of a chain we cannot check
    assert LabelBook(pack.labels, pack.as_of).sanctions("eip155:56", ETH.lower())
    assert read(sdn(parties, namespace="http://www.un.org/sanctions/1.0"), "ofac").labels


@pytest.mark.parametrize(
    ("first", "end", "read_as_label"),
    [
        ("2024-01-02", "2024-01-01", False),
        ("2024-01-02", "2024-01-02", False),
        ("2024-01-02T00:00:01Z", "2024-01-02", False),
        ("2024-01-02", "2024-01-02T00:00:01Z", True),
        ("2024-01-02", "", True),
        ("", "2024-01-02", True),
    ],
)
def test_a_row_that_holds_at_no_time_is_refused_with_both_ends(
    first: str, end: str, read_as_label: bool
) -> None:
    pack = read(f"chain,address,name,valid_from,valid_to\nethereum,{ETH},X,{first},{end}\n", "csv")
    assert bool(pack.labels) == read_as_label
    assert problems(pack) == ([] if read_as_label else [(2, True)])
    assert all(first in p.message and end in p.message for p in pack.problems)


def documented(script: str, *parts: str) -> str:
    mark = f' ScriptID="{script}"' if script else ""
    values = "".join(
        f"<DocumentedNamePart><NamePartValue{mark}>{p}</NamePartValue></DocumentedNamePart>" for p in parts
    )
    return f"<DocumentedName>{values}</DocumentedName>"


@pytest.mark.parametrize(
    ("names", "entity", "text"),
    [
        (
            documented("215", "LAZARUS", "GROUP") + documented("287", "라자루스"),
            "LAZARUS GROUP",
            "; also 라자루스",
        ),
        (
            documented("287", "라자루스") + documented("215", "LAZARUS", "GROUP"),
            "LAZARUS GROUP",
            "; also 라자루스",
        ),
        (documented("287", "라자루스") + documented("", "Lazarus"), "라자루스", "; also Lazarus"),
        (documented("", "Lazarus") * 2, "Lazarus", ""),
        ("", "a party without a name", ""),
    ],
)
def test_a_name_in_several_scripts_is_one_party(names: str, entity: str, text: str) -> None:
    made = party("7", "X", [("344", BTC)])
    first = made.index('<Alias Primary="true">')
    made = made[:first] + f'<Alias Primary="true">{names}</Alias>' + made[made.index("</Identity>") :]
    (label,) = read(sdn(made, entry("7", ("1", "2019-09-13"))), "ofac").labels
    assert (label.entity, label.name) == (entity, f"OFAC SDN: {entity}{text} (XBT)")
    own = Label(BITCOIN, BTC, "Lazarus Group", entity="Lazarus Group")
    assert (LabelBook([label, own]).conflict(BITCOIN, BTC) is None) == (entity == "LAZARUS GROUP")


def test_many_names_in_other_scripts_are_cut_with_their_number_and_lose_no_entry() -> None:
    names = documented("215", "A") + "".join(documented("287", f"{n:02d}" + "가" * 48) for n in range(40))
    made = party("7", "X", [("344", BTC)])
    first = made.index('<Alias Primary="true">')
    made = made[:first] + f'<Alias Primary="true">{names}</Alias>' + made[made.index("</Identity>") :]
    (label,) = read(sdn(made, entry("7", ("1", "2019-09-13"))), "ofac").labels
    assert label.name.endswith("and 32 more (XBT)")


@pytest.mark.parametrize(
    ("events", "times"),
    [
        ([("1", "2019-01-01"), ("2", "2021-01-01")], [("2019-01-01", "2021-01-01")]),
        ([("1", "2019-01-01"), ("4", "2021-01-01")], [("2019-01-01", "2021-01-01")]),
        ([("4", "2021-01-01")], [("", "2021-01-01")]),
        ([("2", "2021-01-01"), ("1", "2019-01-01"), ("2", "2022-01-01")], [("2019-01-01", "2021-01-01")]),
        (
            [("1", "2019-01-01"), ("2", "2021-01-01"), ("1", "2023-01-01")],
            [("2019-01-01", "2021-01-01"), ("2023-01-01", "")],
        ),
        ([("1", "2019-01-01"), ("2", "2021-01-01"), ("1", "2021-01-01")], [("2019-01-01", "")]),
        ([("1", "2019-01-01"), ("2", "")], [("2019-01-01", "")]),
    ],
)
def test_a_party_that_was_removed_is_no_hit_after_it(
    events: list[tuple[str, str]], times: list[tuple[str, str]]
) -> None:
    pack = read(sdn(party("7", "A", [("344", BTC)]), entry("7", *events)), "ofac")
    assert [(x.listed_at, x.delisted_at) for x in pack.labels] == [
        (label_time(listed), label_time(removed)) for listed, removed in times
    ]
    for year in range(2018, 2025):
        day = f"{year}-06-01"
        listed = any(first <= day and (not last or day < last) for first, last in times)
        assert bool(LabelBook(pack.labels, label_time(day)).sanctions(BITCOIN, BTC)) == listed, day
    told = [p.message for p in pack.problems]
    assert any("on a day that the entry does not give" in text for text in told) == (("2", "") in events)
    assert any("no entry gives the day" in text for text in told) == (not times[0][0])


def test_a_party_with_an_entry_in_force_is_listed_whatever_happened_to_another_entry() -> None:
    entries = entry("7", ("1", "2019-01-01"), ("2", "2021-01-01")) + entry("7", ("1", "2020-01-01"))
    (label,) = read(sdn(party("7", "A", [("344", BTC)]), entries), "ofac").labels
    assert (label.listed_at, label.delisted_at) == (label_time("2019-01-01"), None)


def test_a_feature_without_an_address_names_its_party() -> None:
    made = party("7", "Ann", [("344", " "), ("345", ETH)])
    made += party("8", "Bob", [("344", BTC)]).replace(f"<VersionDetail>{BTC}</VersionDetail>", "")
    pack = read(sdn(made, entry("7", ("1", "2019-01-01"))), "ofac")
    assert [x.entity for x in pack.labels] == ["Ann"]
    assert [(p.row, p.text, p.refused) for p in pack.problems] == [(1, "Ann", True), (3, "Bob", True)]
    assert "Ann (profile 7)" in pack.problems[0].message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><Sanctions>&a;</Sanctions>', "DTDForbidden"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><Sanctions/>', "DTDForbidden"),
        ("<html><body>Access denied</body></html>", "begins with 'html'"),
        (sdn(party("7", "A", [("344", BTC)]))[:-20], "not complete"),
        ("<Sanctions/>", "declares no digital currency"),
        ("<Sanctions>" + "<a>" * 200 + "</a>" * 200 + "</Sanctions>", "too deeply"),
    ],
)
def test_xml_that_is_no_sanctions_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read(text, "ofac")


def test_a_list_without_a_single_address_says_so() -> None:
    assert problems(read(sdn(party("8", "Nobody", [("9", "male")])), "ofac")) == [(0, True)]


# All kinds


def test_the_kind_of_a_file_is_recognised() -> None:
    assert kind_of(sdn("").encode(), "x") == "ofac"
    assert kind_of(TAGPACK.encode(), "x") == "tagpack"
    assert kind_of(b"\xef\xbb\xbfaddress,name\n", "x.txt") == "csv"
    assert kind_of(f"{ETH}\n{BTC}\n".encode(), "x.csv") == "list"


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")),
)
def test_garbage_is_refused_with_an_error_of_ours(kind: str, data: bytes) -> None:
    with contextlib.suppress(TracerError):
        read_pack(data, "x", Reading(kind, fixed={"name": "n"}))


def test_a_reading_is_one_text_that_can_be_pinned() -> None:
    reading = Reading("csv", {"name": "Tag"}, {"chain": "eip155:1"})
    assert Reading.from_text("csv", reading.text) == reading
    assert Reading("list").text == ""
    assert Reading.from_text("list", "") == Reading("list")


def test_a_normal_form_of_a_newer_version_is_refused() -> None:
    text, _ = pack_text(Pack("t", "csv 1", ()))
    newer = json.dumps(json.loads(text) | {"format": 2}).encode()
    with pytest.raises(StoreError, match="newer version"):
        pack_from(newer)
