"""On planted histories: the laws of clustering, and error rates that are as the documents say."""

from __future__ import annotations

import csv
import random
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tools.accuracy import PAGE, accuracy_markdown
from tracer.cli.app import app
from tracer.clusters import components
from tracer.clusters.clustering import Clusters
from tracer.evaluation.accounts import cluster
from tracer.evaluation.planted import CHAIN, Planted, plant
from tracer.labels import LabelBook
from tracer.ledger import build_ledger
from tracer.model import Label, LinkRuling, LinkVerdict
from tracer.movements import from_rows

PEOPLE = 30


@cache
def planted(number: int) -> Planted:
    return plant(number, PEOPLE)


@cache
def clusters(number: int) -> Clusters:
    return cluster(planted(number))


def clustered(number, rows, labels, *, rulings=()) -> Clusters:
    none: frozenset[tuple[str, str]] = frozenset()
    given = {"seeds": none, "unread": none, "decided": none, "rulings": tuple(rulings)}
    given["codes"] = {(CHAIN, address): code for address, code in planted(number).codes.items()}
    return Clusters(build_ledger([from_rows(rows)]), LabelBook(labels), **given)


numbers = st.integers(1, 3)


@settings(max_examples=8)
@given(numbers, st.integers(0, 10**6))
def test_the_order_of_rows_changes_no_link(number: int, order: int) -> None:
    rows = list(planted(number).rows)
    random.Random(order).shuffle(rows)
    found = clustered(number, rows, planted(number).labels)
    assert found.found.links == clusters(number).found.links
    assert found.found.members == clusters(number).found.members
    assert found.stops == clusters(number).stops


@settings(max_examples=8)
@given(numbers, st.data())
def test_a_rejected_link_leaves_what_would_be_there_without_it(number: int, data: st.DataObject) -> None:
    links = clusters(number).found.links
    gone = data.draw(st.lists(st.sampled_from(links), min_size=1, max_size=5, unique=True))
    rulings = [
        LinkRuling(n, LinkVerdict.REJECT, x.a, x.b, x.rule, x.tx, 0, "test", "", 0)
        for n, x in enumerate(gone, start=1)
    ]
    found = clustered(number, planted(number).rows, planted(number).labels, rulings=rulings).found
    assert found.links == links
    assert found.members == components([x for x in links if x not in found.withdrawn]).members
    assert {(x.a, x.b, x.rule, x.tx) for x in found.withdrawn} == {(x.a, x.b, x.rule, x.tx) for x in gone}


@settings(max_examples=8)
@given(numbers, st.data())
def test_no_service_is_ever_inside_a_cluster(number: int, data: st.DataObject) -> None:
    addresses = sorted(planted(number).party)
    chosen = data.draw(st.lists(st.sampled_from(addresses), min_size=1, max_size=10, unique=True))
    kinds = ["exchange", "mixer", "bridge", "custodian"]
    more = [Label(CHAIN, x, f"Service {n}", kinds[n % 4], 80) for n, x in enumerate(chosen)]
    found = clustered(number, planted(number).rows, [*planted(number).labels, *more])
    inside = {name for names in found.found.members.values() for name in names}
    services = [*chosen, *(label.address for label in planted(number).labels)]
    assert inside
    assert not inside & {f"{CHAIN}:{x}" for x in services}


@settings(max_examples=8)
@given(numbers, st.integers(0, 10**6))
def test_nobody_is_linked_by_dust_that_he_was_sent(number: int, which: int) -> None:
    choice = random.Random(which)
    attacker = "0x" + "a" * 40
    victims = choice.sample(sorted(planted(number).party), 40)
    rows = list(planted(number).rows)
    last = dict(rows[-1])
    for n, victim in enumerate(victims):
        dust = {"block": 20_999_000 + choice.randrange(200_000), "tx_index": 10**6 + n, "position": 1}
        dust |= {"tx_hash": f"0xd{n:063x}", "from_address": attacker, "to_address": victim}
        rows.append(last | dust | {"asset": "native", "amount": 10**12, "kind": "native", "decimals": 18})
    found = clustered(number, rows, planted(number).labels).found
    assert not [x for x in found.links if f"{CHAIN}:{attacker}" in {x.a, x.b}]
    known = {(x.a, x.b, x.rule, x.tx) for x in clusters(number).found.links}
    assert {(x.a, x.b, x.rule, x.tx) for x in found.links} <= known


def test_what_is_planted_is_the_same_every_time_and_the_innocent_are_there() -> None:
    assert plant(1, PEOPLE) == planted(1)
    parties = set(planted(1).party.values())
    assert {"custodian", "gas service", "small gas service", "payroll", "poisoner", "employer"} <= parties


def test_the_page_of_error_rates_is_what_the_code_measures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert accuracy_markdown(text) == text, "run tools/accuracy.py"


def test_the_command_measures_planted_histories_beside_or_without_labelled_files(tmp_path: Path) -> None:
    out = tmp_path / "accuracy.csv"
    done = CliRunner().invoke(app, ["evaluate", "--planted", "1", "--out", str(out)], prog_name="tracer")
    assert done.exit_code == 0, done.output
    with out.open(newline="", encoding="utf-8") as file:
        names = [row["heuristic"] for row in csv.DictReader(file)]
    assert {"deposit_address", "gas_funding", "sweep", "same_series"} <= set(names)
    assert CliRunner().invoke(app, ["evaluate"], prog_name="tracer").exit_code == 2
