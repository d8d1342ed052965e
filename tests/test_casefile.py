"""Case files: every value survives, nothing strange is accepted, two processes lose nothing."""

from __future__ import annotations

import multiprocessing
import stat
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store_workers import add_seeds, open_workspace
from tracer.errors import (
    CaseNameError,
    InputError,
    NotFoundError,
    SchemaTooNewError,
    StoreError,
    WorkspaceBusyError,
)
from tracer.model import Conversion, Label, LinkRuling, LinkVerdict, Rule, Seed, Stop, StopCode
from tracer.movements import MAX_AMOUNT
from tracer.store import CaseFile, Cases, DeclaredConversion, Pin, Ruling, Verdict, case_name
from tracer.store.casetext import parse, render
from tracer.store.files import folder_lock
from tracer.testing.store_contract import refuses

_NOW = 1_740_000_000


@pytest.fixture
def cases(tmp_path: Path) -> Cases:
    return Cases(tmp_path, 30)


def _made(cases: Cases, name: str = "bybit-2025") -> CaseFile:
    return cases.create(name, rule=Rule.FIFO, now=_NOW)


# values

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_amount = st.integers(0, MAX_AMOUNT)
_time = st.integers(-(2**70), 2**70)
_maybe_time = st.none() | _time
_settings = st.dictionaries(_text, _text | st.booleans() | _time, max_size=3)
_conversion = st.builds(
    Conversion, _text, _text, _text, _text, _amount, _text, _text, _text, st.none() | st.integers(0, 255)
)
_case = st.builds(
    CaseFile,
    name=_text,
    created_at=_time,
    rule=st.sampled_from(Rule),
    as_of=_maybe_time,
    language=st.sampled_from(["en", "ja"]),
    revision=st.integers(1, 2**40),
    seeds=st.lists(
        st.builds(
            Seed,
            _text,
            _text,
            st.none() | _text,
            st.none() | _text,
            st.none() | _amount,
            _maybe_time,
            _text,
            _text,
        ),
        max_size=3,
    ).map(tuple),
    captures=st.lists(st.builds(Pin, _text, _text, _text, _time), max_size=3).map(tuple),
    stops=st.lists(
        st.builds(Stop, _text, _text, st.none() | st.sampled_from(StopCode), _text), max_size=3
    ).map(tuple),
    labels=st.lists(
        st.builds(Label, _text, _text, _text, _text, st.integers(0, 100), _text, _maybe_time, _maybe_time),
        max_size=3,
    ).map(tuple),
    conversions=st.lists(
        st.builds(DeclaredConversion, st.integers(1, 10**9), _conversion, _time, _maybe_time), max_size=3
    ).map(tuple),
    rulings=st.lists(
        st.builds(
            Ruling,
            st.integers(1, 10**9),
            st.sampled_from(Verdict),
            _text,
            _text,
            _text,
            _text,
            _text,
            _time,
            _maybe_time,
        ),
        max_size=3,
    ).map(tuple),
    link_rulings=st.lists(
        st.builds(
            LinkRuling,
            st.integers(1, 10**9),
            st.sampled_from(LinkVerdict),
            _text,
            _text,
            _text,
            _text,
            st.integers(0, 100),
            _text,
            _text,
            _time,
            _maybe_time,
        ),
        max_size=3,
    ).map(tuple),
    thresholds=_settings,
    settings=_settings,
)


@given(case=_case)
def test_every_case_survives_being_written_and_read(case: CaseFile) -> None:
    assert parse(render(case), "x") == case


def test_amounts_are_written_as_text_that_any_toml_reader_keeps() -> None:
    case = CaseFile("c", _NOW, Rule.FIFO, seeds=(Seed("eip155:1", "0xa", amount=MAX_AMOUNT),))
    assert f'amount = "{MAX_AMOUNT}"' in render(case)
    with refuses(StoreError, "256 bits"):
        render(replace(case, seeds=(Seed("eip155:1", "0xa", amount=MAX_AMOUNT + 1),)))


def test_text_that_is_not_text_is_refused() -> None:
    with refuses(InputError, "source"):
        render(CaseFile("c", _NOW, Rule.FIFO, seeds=(Seed("eip155:1", "0xa", source="\udc80"),)))


def test_a_float_never_gets_into_a_case() -> None:
    with refuses(StoreError, "dust", "whole number"):
        render(CaseFile("c", _NOW, Rule.FIFO, thresholds={"dust": 0.1}))


_HEAD = 'format = 1\nname = "c"\ncreated_at = 1\nrule = "fifo"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("no format number",)),
        ("format = true", ("no format number",)),
        ("not toml", ("not valid TOML",)),
        ("a = " + "[" * 5000, ("not valid TOML",)),
        ('format = 1\nname = "c"\ncreated_at = 1\n', ("rule", "missing")),
        (_HEAD + "governing = 1\n", ("'governing'", "not known")),
        (_HEAD.replace("rule =", "rules ="), ("did you mean rule?",)),
        (_HEAD.replace("fifo", "first"), ("'first'", "haircut, fifo")),
        (_HEAD.replace("= 1\nrule", '= "1"\nrule'), ("created_at", "a whole number")),
        (_HEAD + "as_of = 2025-02-21T14:13:35Z\n", ("as_of", "a whole number")),
        (_HEAD + "seeds = 5\n", ("seeds is not a list",)),
        (_HEAD + '[[seeds]]\nchain = "c"\n', ("[[seeds]] number 1", "address is missing")),
        (
            _HEAD + '[[seeds]]\nchain = "c"\naddress = "a"\namount = 5\n',
            ("number 1", "amount", "quotation marks"),
        ),
        (_HEAD + '[[seeds]]\nchain = "c"\naddress = "a"\namount = "1e18"\n', ("amount", "1e18")),
        (_HEAD + f'[[seeds]]\nchain = "c"\naddress = "a"\namount = "{MAX_AMOUNT + 1}"\n', ("amount",)),
        (_HEAD + '[[stops]]\nchain = "c"\naddress = "a"\n', ("[[stops]] number 1", "code is missing")),
        (_HEAD + '[[stops]]\nchain = "c"\naddress = "a"\ncode = "HUBB"\n', ("HUBB", "HUB, ")),
        (
            _HEAD + '[[rulings]]\nnumber = 1\nverdict = "folow"\n',
            ("[[rulings]] number 1", "follow, leave_out"),
        ),
        (_HEAD + "[thresholds]\ndust = 0.5\n", ("[thresholds]", "whole numbers")),
    ],
)
def test_what_is_not_understood_is_refused_and_named(text: str, words: tuple[str, ...]) -> None:
    with refuses(StoreError, *words):
        parse(text, "case.toml")


def test_a_case_written_before_there_were_rulings_opens_and_numbers_are_never_used_twice() -> None:
    case = parse(_HEAD, "x")
    assert (case.rulings, case.next_ruling) == ((), 1)
    made = Ruling(4, Verdict.FOLLOW, "eip155:1", "0xa", "", "why", "", _NOW, withdrawn_at=_NOW)
    after = replace(case, rulings=(made,))
    assert (after.next_ruling, after.standing_rulings) == (5, ())


def test_a_case_of_a_newer_format_is_refused() -> None:
    with refuses(SchemaTooNewError, "format 2", "Update the tracer"):
        parse(_HEAD.replace("format = 1", "format = 2") + "unheard_of = 1\n", "case.toml")


# files


def test_a_new_case_is_on_disk_and_private(cases: Cases) -> None:
    case = _made(cases)
    path = cases.folder(case.name) / "case.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert cases.read("bybit-2025") == case == CaseFile("bybit-2025", _NOW, Rule.FIFO)
    assert cases.names() == ["bybit-2025"]
    assert cases.exists("bybit-2025")
    with refuses(CaseNameError, "already"):
        _made(cases)


def test_updates_count_up_and_change_only_what_they_say(cases: Cases) -> None:
    case = _made(cases)
    one = cases.update(case.name, lambda c: replace(c, as_of=5, name="other", created_at=0, revision=99))
    assert one == replace(case, as_of=5, revision=2)
    same = cases.update(case.name, lambda c: c)
    assert same == cases.read(case.name) == one


def test_an_update_that_fails_leaves_the_file_as_it_was(cases: Cases) -> None:
    case = _made(cases)
    before = (cases.folder(case.name) / "case.toml").read_bytes()
    with pytest.raises(ZeroDivisionError):
        cases.update(case.name, lambda c: replace(c, as_of=1 // 0))
    with refuses(InputError):
        cases.update(case.name, lambda c: replace(c, seeds=(Seed("c", "\udc80"),)))
    assert (cases.folder(case.name) / "case.toml").read_bytes() == before
    assert sorted(path.name for path in cases.folder(case.name).iterdir()) == [".case.lock", "case.toml"]


def test_a_case_that_is_not_there_is_not_found_with_the_names_that_are(cases: Cases) -> None:
    with refuses(NotFoundError, "'dmm'", "tracer case new dmm"):
        cases.read("dmm")
    _made(cases)
    for ask in (lambda: cases.read("dmm"), lambda: cases.update("dmm", lambda c: c)):
        with refuses(NotFoundError, "'dmm'", "bybit-2025"):
            ask()
    assert cases.names() == ["bybit-2025"]
    assert not cases.exists("dmm")
    assert not (cases.root / "dmm").exists()


def test_folders_that_are_no_cases_are_not_listed(cases: Cases) -> None:
    _made(cases)
    for name in ("empty", ".hidden", "has space"):
        (cases.root / name).mkdir()
    (cases.root / "has space" / "case.toml").write_text(_HEAD)
    assert cases.names() == ["bybit-2025"]


def test_a_case_file_copied_under_another_name_is_refused(cases: Cases) -> None:
    _made(cases)
    (cases.root / "copy").mkdir()
    (cases.root / "copy" / "case.toml").write_bytes((cases.root / "bybit-2025" / "case.toml").read_bytes())
    with refuses(StoreError, "'bybit-2025'", "same name"):
        cases.read("copy")


def test_a_case_held_by_another_process_is_busy(tmp_path: Path) -> None:
    case = _made(Cases(tmp_path, 30))
    hurried = Cases(tmp_path, 0.05)
    with folder_lock(tmp_path / case.name / ".case.lock", 1), refuses(WorkspaceBusyError, "try again"):
        hurried.update(case.name, lambda c: replace(c, as_of=1))


def test_processes_that_change_a_case_at_once_lose_no_change(tmp_path: Path) -> None:
    name = "合同捜査-2025"
    _made(open_workspace(tmp_path).cases, name)
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    processes = [spawn.Process(target=add_seeds, args=(tmp_path, name, first, barrier)) for first in (0, 20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    case = open_workspace(tmp_path).cases.read(name)
    assert case.revision == 41
    assert {seed.amount for seed in case.seeds} == {2**255 + n for n in range(40)}


# names


@pytest.mark.parametrize(
    "name", ["bybit-2025", "a", "2024.dmm_x", "DMMビットコイン流出", "捜査_第1課", "x" * 64]
)
def test_plain_names_are_accepted(name: str) -> None:
    assert case_name(name) == name


def test_the_same_name_typed_on_a_mac_is_the_same_case(cases: Cases) -> None:
    typed = unicodedata.normalize("NFD", "ビデオ")
    assert typed != "ビデオ"
    _made(cases, typed)
    assert cases.exists("ビデオ")
    assert cases.read(typed).name == "ビデオ"
    assert cases.names() == ["ビデオ"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "/abs",
        "~root",
        ".hidden",
        "-rf",
        "_x",
        "a b",
        " a",
        "a\n",
        "a\0b",
        "a\x1b[31m",
        "a:b",
        "a*",
        "a?",
        "a.",
        "CON",
        "nul.txt",
        "com1",
        "x" * 65,
        "\U0001f4b0" * 3,
        "\u202egpj",
        "a\u200bb",
        "a\ufeff",
        "a\u3164",
        "葛\U000e0100",
        "\uff0e\uff0e\uff0f",
        "a\u2044b",
        "\udc80",
        "\U00020000" * 64,
    ],
)
def test_names_that_could_mislead_or_escape_are_refused(name: str, cases: Cases) -> None:
    for ask in (case_name, cases.folder, cases.exists, cases.read, lambda n: _made(cases, n)):
        with refuses(CaseNameError):
            ask(name)
    assert list(cases.root.iterdir()) == []


def _accepted(name: str) -> str | None:
    try:
        return case_name(name)
    except CaseNameError:
        return None


@given(name=st.text(max_size=80) | st.text(st.characters(categories=["Ll", "Lo", "Mn", "Nd"]), max_size=70))
def test_an_accepted_name_is_one_plain_folder_below_the_cases(name: str) -> None:
    accepted = _accepted(name)
    if accepted is not None:
        assert case_name(accepted) == accepted
        assert Path("/cases", accepted).parent == Path("/cases")
        assert accepted.isprintable()
        assert len(accepted.encode()) <= 200
