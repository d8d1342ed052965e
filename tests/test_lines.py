"""The way of Electrum servers: lines over TCP and TLS, many under way, connections that break, certificates."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.servers.electrum_lines import LineServer, good, line_server, make_certificate
from tracer.addresses import BITCOIN
from tracer.chains.adapter import Request
from tracer.chains.bitcoin_questions import Call, judge, question, read_answers
from tracer.chains.endpoint import Endpoint
from tracer.errors import ProviderError, ProviderStopError
from tracer.transport import Patience, Transport

QUICK = Patience(attempts=4, first=0.001, longest=0.002, deadline=5)


def asked(
    server: LineServer,
    *questions: Sequence[Call],
    patience: Patience = QUICK,
    most_bytes: int = 1 << 20,
    certificates: Path | None = None,
    concurrency: int = 50,
) -> list[bytes]:
    where = Endpoint("own", "electrum", BITCOIN, server.url, rate=0, concurrency=concurrency)

    async def run() -> list[bytes]:
        async with Transport(
            lambda _: "",
            {"electrum": judge},
            patience=patience,
            most_bytes=most_bytes,
            certificates=certificates,
        ) as transport:
            requests = [Request(server.url, body=question(calls)) for calls in questions]
            return await asyncio.gather(*(transport.ask(where, request) for request in requests))

    return asyncio.run(run())


def echo(n: int) -> Call:
    return Call("echo", (n,))


def in_turn(*answers: Callable[[dict[str, Any]], list[bytes] | None]) -> Callable[[dict[str, Any]], Any]:
    """Each call after a greeting is answered by the next one; the last one stays."""
    left = list(answers)
    return lambda call: (
        good(call)
        if call["method"] == "server.version"
        else (left.pop(0) if len(left) > 1 else left[0])(call)
    )


def test_an_answer_is_the_line_as_it_came_without_its_padding() -> None:
    odd = b'{"jsonrpc": "2.0" ,"id":%d, "result" : [1.10, "\\u00e9", {}]         }\r\n'
    with line_server(in_turn(lambda c: [odd % c["id"]])) as server:
        (body,) = asked(server, [echo(1)])
        identity = json.loads(question([echo(1)]))["id"]
        assert body == b'{"jsonrpc": "2.0" ,"id":%d, "result" : [1.10, "\\u00e9", {}]}' % identity


def test_several_calls_are_lines_and_their_answers_an_array_in_the_order_of_the_calls() -> None:
    held: list[dict[str, Any]] = []

    def backwards(call: dict[str, Any]) -> list[bytes]:
        held.append(call)
        return [line for one in reversed(held) for line in good(one)] if len(held) == 3 else []

    with line_server(in_turn(backwards)) as server:
        calls = [echo(1), echo(2), echo(3)]
        (body,) = asked(server, calls)
        assert read_answers(body, calls) == [[1], [2], [3]]
        assert [call["method"] for call in server.asked] == ["server.version"] + ["echo"] * 3


def test_many_questions_share_one_connection_and_find_their_answers() -> None:
    held: list[dict[str, Any]] = []
    notice = b'{"jsonrpc": "2.0", "method": "blockchain.headers.subscribe", "params": [{"height": 7}]}\n'

    def late(call: dict[str, Any]) -> list[bytes]:
        held.append(call)
        if len(held) < 40:
            return [notice]
        return [line for one in reversed(held) for line in good(one)]

    with line_server(in_turn(late)) as server:
        bodies = asked(server, *([echo(n)] for n in range(40)))
        assert [json.loads(body)["result"] for body in bodies] == [[n] for n in range(40)]
        assert server.connections == 1


def test_the_same_question_under_way_twice_is_answered_twice() -> None:
    with line_server() as server:
        assert len(set(asked(server, [echo(1)], [echo(1), echo(1)], [echo(1)]))) == 2


@pytest.mark.parametrize(
    "fault",
    [
        lambda call: None,
        lambda call: [b'{"cut": \n'],
        lambda call: [b"<html>\n"],
        lambda call: [b"[" * 200_000 + b"\n"],
        lambda call: [b'{"jsonrpc": "2.0", "id": 5, "result": 1}\n'],
        lambda call: [b"7\n"],
        lambda call: [b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "?"}}\n'],
        lambda call: [
            json.dumps({"id": call["id"], "error": {"code": -102, "message": "server busy"}}).encode() + b"\n"
        ],
    ],
    ids=["closed", "half", "html", "deep", "foreign", "number", "nobody", "busy"],
)
def test_what_may_pass_is_tried_again(fault: Callable[[dict[str, Any]], list[bytes] | None]) -> None:
    with line_server(in_turn(good, fault, fault, good)) as server:
        where = [[echo(1)], [echo(2)]]
        first, second = asked(server, *where, concurrency=1)
        assert read_answers(first, where[0]) == [[1]]
        assert read_answers(second, where[1]) == [[2]]
        assert [c["params"] for c in server.asked if c["method"] == "echo"] == [[1], [2], [2], [2]]


def test_when_a_connection_breaks_all_that_was_under_way_is_asked_again_after_one_pause() -> None:
    seen: list[int] = []

    def breaking(call: dict[str, Any]) -> list[bytes] | None:
        seen.append(call["params"][0])
        return None if len(seen) == 30 else [] if len(seen) < 30 else good(call)

    with line_server(in_turn(breaking)) as server:
        bodies = asked(server, *([echo(n)] for n in range(30)), patience=Patience(4, 0.01, 1000.0, 5))
        assert [json.loads(body)["result"] for body in bodies] == [[n] for n in range(30)]
        assert server.connections == 2


def test_a_server_that_falls_silent_loses_its_connection() -> None:
    hold = threading.Event()

    def silent(call: dict[str, Any]) -> list[bytes]:
        hold.wait(5)
        return []

    with line_server(in_turn(silent, good)) as server:
        (body,) = asked(server, [echo(1)], patience=Patience(3, 0.001, 0.002, deadline=1))
        hold.set()
        assert json.loads(body)["result"] == [1]
        assert server.connections == 2


def test_an_answer_without_end_is_refused() -> None:
    with (
        line_server(in_turn(lambda call: [b'{"result": "' + b"x" * (3 << 20)])) as server,
        pytest.raises(ProviderError, match="more than 1 MiB"),
    ):
        asked(server, [echo(1)])


def test_a_server_that_speaks_another_version_is_no_use() -> None:
    def error(call: dict[str, Any]) -> list[bytes]:
        told = {"code": 1, "message": "unsupported protocol version: \x1b[31m"}
        return [json.dumps({"id": call["id"], "error": told}).encode() + b"\n"]

    def newer(call: dict[str, Any]) -> list[bytes]:
        return [json.dumps({"id": call["id"], "result": ["x", "1.7"]}).encode() + b"\n"]

    for greeting in (error, newer):
        with (
            line_server(greeting) as server,
            pytest.raises(ProviderStopError, match=r"1\.4 to 1\.6") as caught,
        ):
            asked(server, [echo(1)])
        assert "\x1b" not in str(caught.value)
        assert len(server.asked) == 1
    assert server.asked[0]["params"][1] == ["1.4", "1.6"]


def test_a_server_that_cannot_be_reached_is_said_soon() -> None:
    with line_server() as server:
        pass
    with pytest.raises(ProviderError, match="3 attempts") as caught:
        asked(server, [echo(1)], patience=Patience(8, 0.001, 0.002, deadline=5))
    assert "Check the network" in caught.value.hint


class TestCertificates:
    def test_the_first_one_is_pinned_and_another_is_refused(self, tmp_path: Path) -> None:
        first, other = (make_certificate(tmp_path, name) for name in ("first", "other"))
        pins = tmp_path / "certificates"
        with line_server(certificate=first) as server:
            for _ in range(2):
                assert len(asked(server, [echo(1)], certificates=pins)) == 1
            (pin,) = pins.iterdir()
            before = pin.read_text()
            assert before.startswith("sha256:")
            assert (pin.stat().st_mode & 0o777, pins.stat().st_mode & 0o777) == (0o600, 0o700)
        with line_server(certificate=other) as changed:
            pin.rename(pins / f"127.0.0.1_{changed.url.rpartition(':')[2]}")
            with pytest.raises(ProviderStopError, match="another certificate than before") as caught:
                asked(changed, [echo(1)], certificates=pins)
            assert "delete" in caught.value.hint
            assert changed.asked == []  # nothing was told to whoever that is
            (pin,) = pins.iterdir()
            assert pin.read_text() == before
            pin.unlink()
            assert len(asked(changed, [echo(1)], certificates=pins)) == 1

    def test_an_empty_pin_is_said_as_such(self, tmp_path: Path) -> None:
        pins = tmp_path / "certificates"
        with line_server(certificate=make_certificate(tmp_path, "own")) as server:
            pins.mkdir()
            (pins / f"127.0.0.1_{server.url.rpartition(':')[2]}").touch()
            with pytest.raises(ProviderStopError, match="is empty") as caught:
                asked(server, [echo(1)], certificates=pins)
            assert "delete it" in caught.value.hint
            assert server.asked == []

    def test_without_a_place_for_pins_only_authorities_are_believed(self, tmp_path: Path) -> None:
        with (
            line_server(certificate=make_certificate(tmp_path, "own")) as server,
            pytest.raises(ProviderStopError, match="no authority vouches"),
        ):
            asked(server, [echo(1)])

    def test_an_authority_is_believed_whatever_was_pinned_but_not_the_other_way_round(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = make_certificate(tmp_path, "authority")
        signed = [make_certificate(tmp_path, name, authority) for name in ("one", "renewed")]
        pins = tmp_path / "certificates"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        for certificate in signed:
            with line_server(certificate=certificate) as server:
                pin = pins / f"127.0.0.1_{server.url.rpartition(':')[2]}"
                pins.mkdir(exist_ok=True)
                pin.write_text("sha256:00\n")
                assert len(asked(server, [echo(1)], certificates=pins)) == 1
                assert pin.read_text() == "authority\n"
                monkeypatch.delenv("SSL_CERT_FILE")  # as if it were self-signed now
                with pytest.raises(ProviderStopError, match="an authority vouched for"):
                    asked(server, [echo(1)], certificates=pins)
                monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
