"""The bundled facts are what data/README.md says they are."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cache

from tracer.addresses import canonical, display
from tracer.bundled import BYBIT, bundled_packs, load
from tracer.data import data_dir
from tracer.labels import LabelBook, stop_code
from tracer.labels.book import ANY_EVM
from tracer.labels.pack import pack_from, pack_text
from tracer.labels.reading import Reading, read_pack
from tracer.labels.rows import label_time
from tracer.model import Label


@cache
def bundled_labels() -> tuple[Label, ...]:
    packs = ((read_pack(p.read_bytes(), p.name, Reading("csv")), p.name) for p in bundled_packs())
    return tuple(label for pack, name in packs for label in pack_from(pack_text(pack)[0], name).labels)


@cache
def bundled_book() -> LabelBook:
    return LabelBook(bundled_labels())


def test_every_data_file_is_listed_with_its_sum() -> None:
    text = (data_dir() / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"- `([^`]+)`: ([0-9a-f]{64})", text))
    files = {
        str(path.relative_to(data_dir()))
        for path in data_dir().rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert set(listed) == files
    for name, digest in listed.items():
        assert hashlib.sha256((data_dir() / name).read_bytes()).hexdigest() == digest, name


def test_the_bundled_case_names_valid_addresses_and_sources() -> None:
    facts = load(BYBIT)
    assert len(facts.seeds) == 4
    for seed in facts.seeds:
        assert canonical(seed.chain, display(seed.chain, seed.address)) == seed.address
        assert seed.source
    assert len(facts.conversions) == 12
    assert sum(c.amount for c in facts.conversions) == 98_047_894_800_000_000_000_000
    assert all(c.source for c in facts.conversions)


def test_every_bundled_label_has_a_checked_address_a_source_and_a_licence() -> None:
    seen: Counter[tuple[str, str, str, str]] = Counter()
    for path in bundled_packs():
        pack = read_pack(path.read_bytes(), path.name, Reading("csv"))
        assert pack.labels, path.name
        assert pack.problems == (), path.name
        for label in pack.labels:
            spelt = display("eip155:1" if label.chain == ANY_EVM else label.chain, label.address)
            assert spelt in path.read_text(encoding="utf-8"), (
                path.name,
                label.address,
            )  # EIP-55 in the file itself
            assert len(label.source) > 5, (path.name, label)
            assert label.licence
            assert label.seen_at
            assert label.entity
            assert label.confidence
            seen[label.chain, label.address, label.name, path.name] += 1
    assert max(seen.values()) == 1


def test_the_bundled_labels_keep_the_four_names_of_one_address() -> None:
    address = "0xf1da173228fcf015f43f3ea15abbb51f0d8f1123"
    (conflict,) = (c for c in bundled_book().conflicts() if c.address == address)
    assert conflict.entities == ("eXch", "ChangeNOW", "FixedFloat", "StealthEX")
    assert bundled_book().service("eip155:1", address) == "eXch"


def test_tornado_cash_is_a_mixer_always_and_a_sanctions_hit_between_listing_and_lifting() -> None:
    pool = "0x910cbd523d972eb0a6f4cae4618ad62622b39dbf"
    for day, hit in (
        ("2022-08-07", False),
        ("2022-08-08", True),
        ("2025-03-20", True),
        ("2025-03-21", False),
    ):
        book = bundled_book().at(label_time(day))
        assert bool(book.sanctions("eip155:1", pool)) is hit, day
        assert book.service("eip155:1", pool) == "Tornado Cash"
        assert len(book.of("eip155:1", pool)) == 2
    assert bundled_book().sanctions("eip155:1", pool) == ()


def test_routers_are_known_by_date_and_look_alikes_of_thorchain_are_not_thorchain() -> None:
    book = bundled_book().at(label_time("2025-02-25"))
    assert book.service("eip155:1", "0xd37bbe5744d730a1d98d8dc97c42f0ca46ad7146") == "THORChain"
    assert (
        book.service("eip155:8453", "0x00dc6100103bc402d490aee3f9a5560cbd91f1d4") == ""
    )  # deployed in August
    assert book.service("eip155:1", "0xb11a1735c2e3bcc5fc8c1d147fb64629d3d0cac5") == ""  # stagenet
    assert book.service("eip155:1", "0xe3985e6b61b814f7cdb188766562ba71b446b46d") == "MAYAChain"


def test_only_services_mixers_and_bridges_among_the_bundled_labels_end_the_tracing() -> None:
    stopping: Counter[str] = Counter()
    for label in bundled_labels():
        if stop_code(label) is not None:
            stopping[label.category] += 1
        if label.category in {"dex", "aggregator", "token", "theft", "sanctioned", "broker"}:
            assert stop_code(label) is None, label
    assert set(stopping) == {"exchange", "swapper", "service", "mixer", "bridge"}


def test_the_theft_is_named_and_an_official_list_is_not_the_whole_of_it() -> None:
    book = bundled_book()
    receiver = "0x47666fab8bd0ac7003bce3f5c3585383f09486e2"
    assert {x.pack for x in book.of("eip155:1", receiver)} == {"bybit-2025.csv"}  # FBI PSA I-022625 omits it
    assert book.best("eip155:1", receiver).role == "theft"
    assert sum(x.source_type == "law_enforcement" and x.chain == "eip155:1" for x in bundled_labels()) == 51
    assert sum(x.category == "broker" for x in bundled_labels()) == 148


def test_the_usdc_pools_of_tornado_cash_are_named_by_what_the_contracts_hold() -> None:
    book = bundled_book()
    for pool, name in (
        ("0xd96f2b1c14db8458374d9aca76e26c3d18364307", "Tornado Cash: 100 USDC pool"),
        ("0x4736dcf1b7a3d580672cce6e7c65cd5cc9cfba9d", "Tornado Cash: 1,000 USDC pool"),
    ):
        assert name in {x.name for x in book.of("eip155:1", pool)}


def test_addresses_that_ofac_added_or_dropped_later_count_from_that_day_only() -> None:
    torn, old_proxy = (
        "0x77777feddddffc19ff86db637967013e6c6a116c",
        "0x905b63fff465b9ffbf41dea908ceb12478ec7601",
    )
    lazarus = "0x08723392ed15743cc38513c4925f5e6be5c17243"
    for day, hits in (
        ("2022-05-05", (False, False, False)),
        ("2022-05-06", (False, False, True)),
        ("2022-11-07", (False, True, True)),
        ("2022-11-08", (True, False, True)),
        ("2025-03-20", (True, False, True)),
        ("2025-03-21", (False, False, True)),
    ):
        book = bundled_book().at(label_time(day))
        assert tuple(bool(book.sanctions("eip155:1", a)) for a in (torn, old_proxy, lazarus)) == hits, day
    assert sum(x.name == "OFAC SDN: Tornado Cash" for x in bundled_labels()) == 91


def test_a_label_whose_source_is_not_verified_ends_no_tracing() -> None:
    unverified = [
        x for x in bundled_labels() if "not verified" in x.source and "first use not verified" not in x.source
    ]
    assert len(unverified) == 2
    assert all(stop_code(x) is None for x in unverified)


def test_sources_of_protocols_name_a_file_or_a_page() -> None:
    vague = re.compile(r"public (code|contract) lists|public lists of|public code of")
    for label in bundled_labels():
        if label.source_type == "protocol":
            assert not vague.search(label.source), label
            assert "/" in label.source, label
