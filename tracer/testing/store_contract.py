"""What a workspace must do, whichever database holds its tables.

Subclass `StoreContract` in a test module and give it a fixture `workspace`: an empty, open
`tracer.store.Workspace`. The suite opens no network connection of its own and needs no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from tracer.errors import FileError, InputError, NotFoundError, StoreError
from tracer.model import Gap
from tracer.movements import MAX_AMOUNT, SCHEMA, amounts_from_column, from_rows
from tracer.store import Answered, Capture, Draft, HistoryKey, PackPin, Workspace

__all__ = ["StoreContract", "draft_of", "refuses"]

_NOW = 1_740_000_000
_HOSTILE = (
    "",
    "MKR\0\0\0",
    "\u202eKTH",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE movements; --",
    "\N{GRINNING FACE}\r\n\t%s ? :x",
    "\ufeffETH",
    "e\u0301 and \u00e9",
    "x" * 1_000_000,
)


def draft_of(raw: bytes, name: str = "transfers.csv", **options: object) -> Draft:
    """A draft for `raw`, as an importer would make it. `options` become the mapping."""
    digest = hashlib.sha256(raw).hexdigest()
    return Draft(digest, name, len(raw), "transfers-csv", "1", _NOW, mapping=options)


@contextmanager
def refuses(kind: type[Exception], *words: str) -> Iterator[None]:
    """The block must raise `kind`, in one line that contains each of `words`."""
    try:
        yield
    except kind as error:
        message = str(error)
        assert "\n" not in message, message
        for word in words:
            assert word in message, message
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def _payment(**columns: object) -> dict[str, object]:
    return {"chain": "eip155:1", "from_address": "0xa", "to_address": "0xb", "amount": 1} | columns


def _kept(workspace: Workspace, raw: bytes, rows: list[dict[str, object]]) -> Capture:
    capture, new = workspace.keep(raw, draft_of(raw), from_rows(rows))
    assert new
    return capture


def _pack(name: str) -> PackPin:
    return PackPin(name, "csv", "0" * 64, "1" * 64, "csv 1", count=1, refused=0, added_at=_NOW)


def _plain(table: pa.Table) -> list[dict[str, object]]:
    return list(table.select(SCHEMA.names).to_pylist())


class StoreContract:
    """The suite. Each test gets an empty `workspace`."""

    def test_movements_come_back_exactly_with_their_nulls(self, workspace: Workspace) -> None:
        """Every column, present or null, is what went in."""
        table = from_rows(
            [
                _payment(block=1, tx_index=0, position=3, timestamp=_NOW, tx_hash="0xf", decimals=18),
                _payment(
                    amount=MAX_AMOUNT, symbol="T", value="1.50", extra='{"Memo":"x"}', excluded="poison"
                ),
                _payment(amount=0, from_address="", asset="0xc", kind="mint", grade="declared", row=3),
            ]
        )
        capture, _ = workspace.keep(b"a", draft_of(b"a"), table)
        with workspace.store.reader() as view:
            back = view.movements([capture.id])
        assert back.schema.names == [*SCHEMA.names, "capture"]
        assert back.select(SCHEMA.names).schema == SCHEMA
        assert _plain(back) == table.to_pylist()
        assert back["capture"].to_pylist() == [capture.id] * 3

    def test_amounts_are_exact_up_to_two_to_the_256(self, workspace: Workspace) -> None:
        """No step goes through a float or a 64-bit integer."""
        amounts = [
            0,
            1,
            2**53 + 1,
            2**63,
            2**64 + 1,
            401346768858404671846374,
            2**128 + 1,
            2**255,
            MAX_AMOUNT,
        ]
        capture = _kept(workspace, b"a", [_payment(amount=amount) for amount in amounts])
        with workspace.store.reader() as view:
            assert amounts_from_column(view.movements([capture.id])["amount"]) == amounts

    def test_hostile_text_is_kept_to_the_last_character(self, workspace: Workspace) -> None:
        """NUL, bidi, SQL, a megabyte: symbols are the attacker's, and evidence."""
        rows = [_payment(symbol=text, value=text[:100].replace("\0", "")) for text in _HOSTILE]
        capture = _kept(workspace, b"a", rows)
        with workspace.store.reader() as view:
            back = view.movements([capture.id])
        assert back["symbol"].to_pylist() == list(_HOSTILE)
        assert back["value"].to_pylist() == [row["value"] for row in rows]

    def test_what_no_database_keeps_exactly_is_refused_with_its_row(self, workspace: Workspace) -> None:
        """A NUL in free text or an endless transaction hash stops the import, whole, and says which row."""
        for column, text in (("tx_hash", "0x\0"), ("value", "1\0"), ("extra", "\0"), ("tx_hash", "f" * 300)):
            raw = f"{column}{len(text)}".encode()
            table = from_rows([_payment(), _payment(row=7, **{column: text})])
            with refuses(FileError, "Row 7", column, "nothing was imported"):
                workspace.keep(raw, draft_of(raw), table)
        with workspace.store.reader() as view:
            assert view.captures() == []

    def test_names_that_are_not_text_are_refused(self, workspace: Workspace) -> None:
        """A file name whose bytes are not UTF-8 has lone surrogates in Python."""
        for name in ("\udc83t.csv", "a\0b.csv"):
            with refuses(InputError, "file name"):
                workspace.keep(b"a", draft_of(b"a", name), from_rows([_payment()]))

    def test_the_same_file_read_the_same_way_is_kept_once(self, workspace: Workspace) -> None:
        """Whatever it is called; read with other options it is another capture of the same bytes."""
        first, new = workspace.keep(b"a", draft_of(b"a"), from_rows([_payment()]))
        again, again_new = workspace.keep(b"a", draft_of(b"a", "other.csv"), from_rows([_payment()]))
        other, other_new = workspace.keep(b"a", draft_of(b"a", chain="tron"), from_rows([_payment()]))
        assert (new, again_new, other_new) == (True, False, True)
        assert first == again
        assert other.id != first.id
        assert other.sha256 == first.sha256
        assert other.mapping == {"chain": "tron"}
        with workspace.store.reader() as view:
            assert view.capture(key=first.key) == first
            assert view.capture(sha256=first.sha256) == other
            assert view.capture(key="0" * 64) is None
            assert view.captures_of([other.id, first.id]) == [other, first]
            assert view.capture_numbers([other.key, "0" * 64]) == {other.key: other.id}
            assert view.captures() == [first, other]
            assert view.counts() == {"captures": 2, "movements": 2}

    def test_captures_come_in_the_order_asked_for(self, workspace: Workspace) -> None:
        """So the order of files is the case's and not the database's."""
        ids = [
            _kept(workspace, b"%d" % n, [_payment(amount=n), _payment(amount=n + 10)]).id for n in range(3)
        ]
        with workspace.store.reader() as view:
            back = view.movements([ids[2], ids[0], ids[2]])
            assert view.movements([]).num_rows == 0
        assert amounts_from_column(back["amount"]) == [2, 12, 0, 10]
        assert back["row"].to_pylist() == [1, 2, 1, 2]

    def test_rows_of_one_source_row_keep_their_order(self, workspace: Workspace) -> None:
        """A source row with a value and a fee makes two movements."""
        rows = [_payment(row=row, amount=n) for n, row in enumerate([2, 2, 1, 1, 3])]
        capture = _kept(workspace, b"a", rows)
        with workspace.store.reader() as view:
            back = view.movements([capture.id])
        assert back["row"].to_pylist() == [1, 1, 2, 2, 3]
        assert amounts_from_column(back["amount"]) == [2, 3, 0, 1, 4]

    def test_equal_rows_are_two_facts(self, workspace: Workspace) -> None:
        """Nothing is removed for being equal to something else."""
        capture = _kept(workspace, b"a", [_payment(row=1), _payment(row=1)])
        assert capture.rows == 2
        with workspace.store.reader() as view:
            assert view.movements([capture.id]).num_rows == 2

    def test_a_capture_may_be_filled_in_parts(self, workspace: Workspace) -> None:
        """In source order; a part that goes back is refused and takes the whole capture with it."""
        parts = [from_rows([_payment(row=n, chain=f"eip155:{n}")]) for n in (1, 2, 3)]
        capture, _ = workspace.keep(b"a", draft_of(b"a"), parts)
        assert capture.rows == 3
        assert capture.chains == ("eip155:1", "eip155:2", "eip155:3")
        with workspace.store.reader() as view:
            assert view.movements([capture.id])["row"].to_pylist() == [1, 2, 3]
        with refuses(StoreError, "order"):
            workspace.keep(b"b", draft_of(b"b"), parts[::-1])
        with workspace.store.reader() as view:
            assert view.captures() == [capture]

    def test_slices_and_many_chunks_are_read_right(self, workspace: Workspace) -> None:
        """A table cut out of another one carries offsets and a larger dictionary."""
        whole = from_rows([_payment(amount=n, to_address=f"0x{n}", block=n or None) for n in range(10)])
        table = pa.concat_tables([whole.slice(1, 2), whole.slice(5, 3), whole.slice(9)])
        capture, _ = workspace.keep(b"a", draft_of(b"a"), table)
        with workspace.store.reader() as view:
            assert _plain(view.movements([capture.id])) == table.to_pylist()

    def test_a_table_of_another_schema_is_refused(self, workspace: Workspace) -> None:
        """Missing columns and missing values are errors of the caller, not blanks."""
        table = from_rows([_payment()])
        with refuses(StoreError, "SCHEMA"):
            workspace.keep(b"a", draft_of(b"a"), table.drop_columns(["grade"]))
        at = SCHEMA.get_field_index("tx_hash")
        with refuses(StoreError, "tx_hash"):
            workspace.keep(b"a", draft_of(b"a"), table.set_column(at, "tx_hash", pa.nulls(1, pa.string())))

    def test_an_error_in_the_block_leaves_nothing(self, workspace: Workspace) -> None:
        """Neither the capture nor its rows, gaps, label packs or judgements."""
        with refuses(ZeroDivisionError), workspace.store.writer() as writer:
            number = writer.add_capture(draft_of(b"a"))
            writer.add_movements(number, from_rows([_payment()]))
            writer.add_gaps(number, [Gap("x", "y")])
            writer.add_pack(_pack("a"))
            writer.add_judgement("c", subject="s", verdict="v", now=_NOW)
            assert number / 0
        with workspace.store.reader() as view:
            assert view.counts() == {"captures": 0, "movements": 0}
            assert view.packs() == []
            assert view.judgements("c") == []
            assert view.movements_of_addresses(["0xa"]).num_rows == 0

    def test_a_reader_sees_one_moment(self, workspace: Workspace) -> None:
        """What is committed meanwhile appears to the next reader, not to this one."""
        first = _kept(workspace, b"a", [_payment()])
        with workspace.store.reader() as view:
            assert view.captures() == [first]
            second = _kept(workspace, b"b", [_payment()])
            assert view.captures() == [first]
        with workspace.store.reader() as view:
            assert view.captures() == [first, second]

    def test_a_large_import_is_found_by_address_and_transaction(self, workspace: Workspace) -> None:
        """Whether indexes are kept row by row or built at the end."""
        rows = [_payment(to_address=f"0x{n}", tx_hash=f"t{n // 2}", amount=n) for n in range(21_000)]
        one, other = _kept(workspace, b"a", rows), _kept(workspace, b"b", rows[:50])
        with workspace.store.reader() as view:
            found = view.movements_of_addresses([f"0x{n}" for n in range(0, 21_000, 10)])
            assert amounts_from_column(found["amount"])[:2100] == list(range(0, 21_000, 10))
            assert found["capture"].to_pylist() == [one.id] * 2100 + [other.id] * 5
            assert view.movements_of_addresses(["0xa"], capture_ids=[other.id]).num_rows == 50
            assert view.movements_of_transactions(["t1", "t2", "none"], capture_ids=[one.id]).num_rows == 4

    def test_lookups_give_each_movement_once(self, workspace: Workspace) -> None:
        """A self-transfer touches its address on both sides; chains are told apart."""
        rows = [
            _payment(to_address="0xa"),
            _payment(),
            _payment(chain="eip155:10"),
            _payment(from_address="0xc"),
        ]
        capture = _kept(workspace, b"a", rows)
        with workspace.store.reader() as view:
            assert view.movements_of_addresses(["0xa", "0xb"])["row"].to_pylist() == [1, 2, 3, 4]
            assert view.movements_of_addresses(["0xa"], chain="eip155:10")["row"].to_pylist() == [3]
            assert view.movements_of_addresses(["0xa"], chain="eip155:99").num_rows == 0
            assert view.movements_of_addresses(["0xnobody"]).num_rows == 0
            assert view.movements_of_addresses(["0xb"])["capture"].to_pylist() == [capture.id] * 3

    def test_gaps_come_back_with_their_rows(self, workspace: Workspace) -> None:
        """In the order of the captures asked for, exact amounts included."""
        gaps = [
            Gap("opening", "m", "eip155:1", "0xa", "native", MAX_AMOUNT, "0xf", "assumption"),
            Gap("x", "n"),
        ]
        with workspace.store.writer() as writer:
            first, second = writer.add_capture(draft_of(b"a")), writer.add_capture(draft_of(b"b"))
            writer.add_gaps(first, gaps, rows=[4, 0])
            writer.add_gaps(second, gaps[1:])
        with workspace.store.reader() as view:
            found = view.gaps([second, first])
        assert [(g.capture, g.row, g.gap) for g in found] == [
            (second, 0, gaps[1]),
            (first, 4, gaps[0]),
            (first, 0, gaps[1]),
        ]

    def test_unknown_captures_are_an_error_not_a_blank(self, workspace: Workspace) -> None:
        """A case whose evidence is missing must not look empty."""
        with workspace.store.reader() as view:
            for ask in (view.movements, view.captures_of, view.gaps):
                with refuses(NotFoundError, "capture number 5"):
                    ask([5])

    def test_label_packs_are_kept_once_and_in_order(self, workspace: Workspace) -> None:
        """The same file under the same name, read in the same way, is one pack; anything else is another."""
        packs = [_pack("b"), _pack("a"), replace(_pack("a"), sha256="2" * 64, as_of=_NOW)]
        packs.append(replace(_pack("a"), options="{}"))
        for _ in range(2):
            for pack in packs:
                with workspace.store.writer() as writer:
                    writer.add_pack(replace(pack, removed_at=_NOW, reason="the word of a case"))
        with workspace.store.reader() as view:
            assert view.packs() == packs

    def test_judgements_are_withdrawn_and_never_lost(self, workspace: Workspace) -> None:
        """Each belongs to one case and cannot be withdrawn from another."""
        with workspace.store.writer() as writer:
            first = writer.add_judgement(
                "c", subject="0xa", verdict="mixer", now=_NOW, author="A", reason="r"
            )
            second = writer.add_judgement("c", subject="0xb", verdict="not a hub", now=_NOW)
            writer.withdraw_judgement("c", first.id, now=_NOW + 1)
            with refuses(NotFoundError, "in this case"):
                writer.withdraw_judgement("other", second.id, now=_NOW)
        with workspace.store.reader() as view:
            assert view.judgements("c", withdrawn=False) == [second]
            gone, kept = view.judgements("c")
            assert view.judgements("other") == []
        assert gone.withdrawn_at == _NOW + 1
        assert (gone.subject, gone.author, gone.reason, gone.made_at) == ("0xa", "A", "r", _NOW)
        assert kept == second

    def test_answers_are_append_only_and_the_newest_one_counts(self, workspace: Workspace) -> None:
        """The same question asked again is another record."""
        first = Answered("a" * 64, "node", '["https://x","",[],""]', "1" * 64, 10, _NOW)
        second = replace(first, sha256="2" * 64, fetched_at=_NOW + 1)
        with workspace.store.writer() as writer:
            writer.add_answer(first)
            assert writer.answer("a" * 64) == first
            writer.add_answer(second)
        with workspace.store.reader() as view:
            assert view.answer("a" * 64) == second
            assert view.answer("b" * 64) is None

    def test_a_history_is_fetched_by_one_at_a_time_and_only_once(self, workspace: Workspace) -> None:
        """A claim keeps others away until it runs out or is given up; a fetched history is nobody's work any more."""
        wanted = HistoryKey("k" * 64, "eip155:1", "0xa", 0, 99)
        with workspace.store.writer() as writer:
            assert writer.history(wanted.key) is None
            assert writer.claim(wanted, "A", now=_NOW, until=_NOW + 60).worker == "A"
            assert writer.claim(wanted, "B", now=_NOW + 59, until=_NOW + 100).worker == "A"
            assert writer.claim(wanted, "A", now=_NOW + 59, until=_NOW + 70).claimed_until == _NOW + 70
            assert writer.claim(wanted, "B", now=_NOW + 70, until=_NOW + 130).worker == "B"
            writer.release("B")
            assert writer.claim(wanted, "A", now=_NOW + 71, until=_NOW + 140).worker == "A"
        with workspace.store.writer() as writer:
            writer.finish(wanted.key, "c" * 64, transactions=7, complete=True, hub=False, code="sha256:c")
            writer.release("A")
            found = writer.claim(wanted, "B", now=_NOW + 999, until=_NOW + 1999)
            with refuses(NotFoundError, "Nobody"):
                writer.finish("x" * 64, "c" * 64, transactions=0, complete=True, hub=False)
        assert (found.capture, found.transactions, found.complete, found.hub) == ("c" * 64, 7, True, False)
        assert found.code == "sha256:c"
