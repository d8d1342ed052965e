"""The letter that asks an exchange or issuer to freeze stolen coin: one HTML page that prints well, in one language.

It says what the tables say and nothing beyond them: amounts under the rule and the range, transactions in full, what
the numbers rest on, what is missing. What only the sender knows (authority, offence, legal basis, date) is left as
blanks in brackets. No script, no request to anywhere, no clock: the same case gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any

from tracer.chains.utxo_rows import OUTPUTS
from tracer.errors import visible
from tracer.export.sheet import FreezeSheet
from tracer.labels.book import inferred_name
from tracer.model import CONSERVING, Kind
from tracer.times import JST, utc_text
from tracer.wording import Words

__all__ = ["letter"]

_STYLE = """
@page { size: A4; margin: 18mm 16mm; }
body { font: 10.5pt/1.5 "Noto Sans CJK JP", "Yu Gothic", "Hiragino Sans", Meiryo, Arial, sans-serif; color: #000;
  max-width: 178mm; margin: 8mm auto; }
h1 { font-size: 14pt; text-align: center; margin: 8mm 0; }
h2 { font-size: 11.5pt; margin: 6mm 0 2mm; break-after: avoid; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; overflow-wrap: anywhere; font-size: 8.5pt; }
th, td { border: .3mm solid #555; padding: 1mm 1.5mm; text-align: left; vertical-align: top; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
code { font: 8pt/1.4 "DejaVu Sans Mono", Consolas, monospace; overflow-wrap: anywhere; }
.blank { background: #eee; }
.right { text-align: right; }
.small { font-size: 8.5pt; }
ol, ul { margin: 1mm 0; padding-left: 7mm; }
"""
Row = dict[Any, Any]


def letter(sheet: FreezeSheet, w: Words) -> str:
    """The whole page."""
    title = w("letter.title_issuer") if sheet.issuer else w("letter.title_service")
    intro = w("letter.intro_issuer") if sheet.issuer else w("letter.intro_service")
    body = [
        _line(_blank(w("letter.blank_date")), "right"),
        _line(_blank(w("letter.blank_number")), "right"),
        _line(_text(w("letter.to", name=visible(sheet.addressee)))),
        _line(_blank(w("letter.blank_sender")), "right"),
        f"<h1>{_text(title)}</h1>",
        _line(_named(w("letter.matter"), _blank(w("letter.blank_offence")), w)),
        _line(_named(w("letter.basis"), _blank(w("letter.blank_basis")), w)),
        _line(_named(w("letter.deadline"), _blank(w("letter.blank_deadline")), w)),
        _line(_text(intro)),
        _line(_text(w("letter.no_blame"))),
        _heading(w("letter.s_theft")),
        *_thefts(sheet, w),
        _heading(w("letter.s_addresses")),
        *_totals(sheet, w),
        _addresses(sheet, w),
        _heading(w("letter.s_transactions")),
        _transactions(sheet, w),
        _heading(w("letter.s_requests")),
        _requests(sheet, w),
        _heading(w("letter.s_basis")),
        *_rests_on(sheet, w),
        _heading(w("letter.s_gaps")),
        *_gaps(sheet, w),
        _line(_text(w("letter.enclosed")), "small"),
    ]
    head = (
        f'<!DOCTYPE html>\n<html lang="{w.language}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}: {_data(sheet.addressee)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    )
    return head + "\n".join(body) + "\n</body>\n</html>\n"


def _text(own: str) -> str:
    """Our own words, into which only visible text was put."""
    return escape(own)


def _data(value: object) -> str:
    """Text from a chain, a file or a label: hostile."""
    return escape(visible(value))


def _named(name: str, html: str, w: Words) -> str:
    return _text(name + w("letter.colon")) + html


def _line(html: str, style: str = "") -> str:
    return f'<p class="{style}">{html}</p>' if style else f"<p>{html}</p>"


def _heading(text: str) -> str:
    return f"<h2>{_text(text)}</h2>"


def _blank(text: str) -> str:
    return f'<span class="blank">{_text(text)}</span>'


def _code(text: object) -> str:
    return f"<code>{_data(text)}</code>"


def _items(parts: Iterable[str], tag: str = "ul") -> str:
    return f"<{tag}>" + "".join(f"<li>{part}</li>" for part in parts) + f"</{tag}>"


def _table(heads: Iterable[tuple[str, int]], rows: Iterable[Iterable[str]]) -> str:
    """heads: (heading, width in per cent)."""
    columns = list(heads)
    top = "".join(f'<th style="width: {width}%">{_text(head)}</th>' for head, width in columns)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>"


def _when(text: object, w: Words, between: str = "<br>") -> str:
    """UTC text as both clocks."""
    if not text:
        return _text(w("letter.unknown_time"))
    local = datetime.fromisoformat(str(text)).astimezone(JST)
    clocks = (str(text)[:-1].replace("T", " ") + " UTC", f"{local:%Y-%m-%d %H:%M:%S} JST")
    return between.join(clocks)


def _amount(raw: object, row: Row) -> str:
    """An exact amount with its symbol; smallest units where the decimals are not known."""
    units, places = int(str(raw)), row["decimals"]
    symbol = visible(row["symbol"] or row["asset"])
    if places is None:
        return f"{units:,} ({escape(symbol)})"
    whole, part = divmod(units, 10 ** int(places))
    digits = str(part).rjust(int(places), "0").rstrip("0") if places else ""
    return f"{whole:,}{'.' + digits if digits else ''} {escape(symbol)}"


def _optional(raw: object, row: Row, w: Words) -> str:
    return _text(w("letter.not_computed")) if raw is None else _amount(raw, row)


def _three(row: Row, w: Words) -> str:
    """The amount under the rule and the range, one below the other."""
    kind = f" ({_text(w.one_of('range', str(row['range_kind'])))})" if row["range_kind"] else ""
    lines = (
        _named(w("letter.by_rule"), _amount(row["taint_raw"], row), w),
        _named(w("letter.at_least"), _optional(row["at_least_raw"], row, w), w),
        _named(w("letter.at_most"), _optional(row["at_most_raw"], row, w) + kind, w),
    )
    return "<br>".join(lines)


def _thefts(sheet: FreezeSheet, w: Words) -> list[str]:
    """What was stolen, where it came in, and what it was worth."""
    rows = []
    sources = []
    for loss in sheet.losses.to_dict("records"):
        cell = _amount(loss["stolen_raw"], loss | {"asset": loss["origin_asset"]})
        money = [
            f"{int(loss[column]):,} {column[-3:].upper()}"
            for column in ("theft_value_usd", "theft_value_jpy")
            if loss[column] is not None
        ]
        if money:
            cell += "<br>" + _text(w("letter.worth", day=loss["day"], money=", ".join(money)))
            sources.append(str(loss["value_source"]))
        rows.append((_data(loss["theft"]), cell))
    seeds = [
        (
            _code(seed["address"]),
            _code(seed["tx"]) if seed["tx"] else _text(w("letter.not_named")),
            _data(seed["source"]),
        )
        for seed in sheet.seeds.to_dict("records")
    ]
    notes = [w("letter.worth_note", source=visible(source)) for source in dict.fromkeys(sources)]
    return [
        _table(((w("col.theft"), 25), (w("letter.stolen"), 75)), rows),
        "<p></p>",
        _table(((w("letter.where"), 30), (w("letter.tx"), 36), (w("col.source"), 34)), seeds),
        *(_line(_text(note), "small") for note in notes),
    ]


def _totals(sheet: FreezeSheet, w: Words) -> list[str]:
    rows = sheet.totals.to_dict("records")
    cells = [
        (
            _text(w("letter.total", asset=visible(row["symbol"] or row["asset"])))
            + f"<br>{_code(row['chain'] + ' / ' + row['asset'])}",
            _three(row, w) + _resting_on_inference(row, w),
        )
        for row in rows
    ]
    return [
        _table(((w("col.asset"), 50), (w("letter.amounts"), 50)), cells),
        _line(_text(w("letter.total_range")), "small"),
    ]


def _resting_on_inference(row: Row, w: Words) -> str:
    """How much of a total rests at addresses that no source labels, "" for none."""
    if not row["inferred_addresses"]:
        return ""
    name = w("letter.inferred_total", count=f"{row['inferred_addresses']:,}")
    return "<br>" + _named(name, _amount(row["inferred_raw"], row), w)


def _attribution(row: Row, w: Words) -> list[str]:
    """Whose an address is and by what: the label of a source, or the inference of this tool, never mixed up."""
    sure = row["inferred_confidence"]
    known = {"who": visible(row["service"]), "source": visible(row["label_source"] or w("letter.no_source"))}
    if sure is not None and row["label"] == inferred_name(row["service"]):
        return [w("letter.inferred", confidence=sure, **known)]
    lines = [w("letter.labelled", confidence=row["label_confidence"], **known)] if row["service"] else []
    return lines if sure is None else [*lines, w("letter.inferred_besides", confidence=sure)]


def _addresses(sheet: FreezeSheet, w: Words) -> str:
    rows = []
    for number, row in enumerate(sheet.addresses.to_dict("records"), start=1):
        who = _code(row["address"]) + f"<br>{_data(row['chain'])}"
        who += "".join(f"<br>{_text(line)}" for line in _attribution(row, w))
        if row["other_sources_name"]:
            who += f"<br>{_text(w('letter.others', names=visible(row['other_sources_name'])))}"
        times = "<br>".join(
            f"{_text(name)}<br>{_when(row[column], w)}"
            for name, column in (
                (w("letter.first"), "first_arrival_utc"),
                (w("letter.last"), "last_arrival_utc"),
            )
        )
        state = _text(w.one_of("still", str(row["still_there"])))
        if row["left_since_raw"]:
            text = w("letter.left_since", amount="{amount}", when="{when}")
            state += "<br>" + _text(text).format(
                amount=_amount(row["left_since_raw"], row), when=_when(row["last_left_utc"], w)
            )
        rows.append((str(number), who, _three(row, w), times, state))
    heads = (
        (w("letter.number"), 5),
        (w("letter.address"), 27),
        (w("letter.amounts"), 27),
        (w("letter.times"), 23),
        (w("letter.state"), 18),
    )
    return _table(heads, rows)


def _paid_by(row: dict[Any, Any]) -> str:
    """The transaction; of Bitcoin with the number of its output, as one transaction may pay an address twice."""
    if row["kind"] != Kind.OUTPUT or row["position"] is None:
        return str(row["tx_hash"])
    return f"{row['tx_hash']}:{int(row['position']) - OUTPUTS}"


def _transactions(sheet: FreezeSheet, w: Words) -> str:
    numbers = {
        (row["chain"], row["address"], row["asset"]): number
        for number, row in enumerate(sheet.addresses.to_dict("records"), start=1)
    }
    rows = []
    for row in sheet.transfers.to_dict("records"):
        if not any(row[str(rule)] for rule in CONSERVING):
            continue  # poison alone marks it: no admissible accounting puts stolen coin into it
        block = "" if row["block"] is None else f"<br>{_text(w('letter.block', number=row['block']))}"
        payer = _code(row["from_address"]) + (f"<br>{_data(row['from_label'])}" if row["from_label"] else "")
        rows.append(
            (
                str(numbers[row["chain"], row["address"], row["asset"]]),
                _code(_paid_by(row)) + block,
                _when(row["timestamp_utc"], w),
                payer,
                f"{_amount(row['amount_raw'], row)}<br>{_amount(row['taint_raw'], row)}",
            )
        )
    if not rows:
        return _line(_text(w("letter.no_transactions")))
    heads = (
        (w("letter.number"), 5),
        (w("letter.hash_block"), 30),
        (w("letter.time"), 23),
        (w("letter.sender"), 24),
        (w("letter.moved"), 18),
    )
    return _table(heads, rows)


def _requests(sheet: FreezeSheet, w: Words) -> str:
    sort, count = ("issuer", 4) if sheet.issuer else ("service", 6)
    return _items((_text(w(f"letter.ask_{sort}_{number}")) for number in range(1, count + 1)), "ol")


def _rests_on(sheet: FreezeSheet, w: Words) -> list[str]:
    pins = sheet.pins
    rule = w("letter.rule", rule=w.one_of("rule", pins.rule), about=w.one_of("about_rule", pins.rule))
    hashes = {
        (str(row["source_sha256"]), str(row["source_name"]))
        for row in sheet.transfers.to_dict("records")
        if row["source_sha256"]
    }
    return [
        _line(_text(rule)),
        _line(_text(w("letter.range")) + " " + _text(w("letter.enclosing"))),
        _line(_text(w("letter.conditional"))),
        _line(_text(w("letter.as_of", when="{when}")).format(when=_when(utc_text(pins.as_of), w, " / "))),
        _line(_text(w("letter.inside"))),
        _line(_text(w("letter.conventions"))),
        _items(_text(w.known("convention", sentence)) for sentence in pins.conventions),
        _line(_text(w("letter.evidence"))),
        _items(f"{_code(digest)} {_data(name)}" for digest, name in sorted(hashes)),
        _line(_text(w("letter.made_by", version=pins.version, case=visible(pins.case))), "small"),
    ]


def _gaps(sheet: FreezeSheet, w: Words) -> list[str]:
    rows = sheet.gaps.to_dict("records")
    listed = [
        f"{_text(w.one_of('gap', str(row['code'])))}: {_text(w.one_of('gap_why', str(row['code'])))}"
        + "".join(f"<br>{_code(row[column])}" for column in ("address", "tx") if row[column])
        for row in rows
    ]
    others = w("letter.other_gaps", open=f"{sheet.other_open:,}", assumed=f"{sheet.other_assumed:,}")
    return [
        _items(listed) if listed else _line(_text(w("letter.no_gaps"))),
        _line(_text(others)),
    ]
