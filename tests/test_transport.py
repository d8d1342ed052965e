"""The HTTP client: pace, retries, refusals, keys that stay secret, answers that are bounded."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from tests.servers.standin import Asked, Reply, StandIn, stand_in
from tracer.chains.adapter import Request, Verdict
from tracer.chains.endpoint import Endpoint
from tracer.errors import InputError, NotFoundError, ProviderError, ProviderStopError
from tracer.settings import Settings, read_settings
from tracer.transport import Patience, Transport, find_provider, key_of, providers
from tracer.transport.answers import refuse_no_json
from tracer.transport.keys import origin_of_key

KEY = "K3Y5ECRET0123456789"
QUICK = Patience(attempts=4, first=0.001, longest=0.002, deadline=5)


def judge(body: bytes) -> tuple[Verdict, str]:
    found = json.loads(body)
    said = found.get("say", "") if isinstance(found, dict) else ""
    return (
        (Verdict(found["verdict"]), said)
        if isinstance(found, dict) and "verdict" in found
        else (Verdict.ANSWER, "")
    )


def endpoint(server: StandIn, **changes: object) -> Endpoint:
    values: dict[str, object] = dict(
        name="stand-in", kind="etherscan", chain="eip155:1", base_url=server.url, rate=0, concurrency=8
    )
    return Endpoint(**(values | changes))


def asked(
    where: Endpoint, *paths: str, patience: Patience = QUICK, key: str = KEY, most_bytes: int = 1 << 20
) -> list[bytes]:
    async def run() -> list[bytes]:
        async with Transport(
            lambda _: key, {"etherscan": judge}, patience=patience, most_bytes=most_bytes
        ) as transport:
            return await asyncio.gather(
                *(transport.ask(where, Request(where.base_url, path, (("a", "1"),))) for path in paths)
            )

    return asyncio.run(run())


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """Each request gets the next reply; the last one stays."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_an_answer_comes_back_byte_for_byte() -> None:
    raw = b'{"result" : [1.10, "\\u00e9"]}'
    with stand_in(lambda _: Reply(raw)) as server:
        assert asked(endpoint(server), "/x") == [raw]
        (one,) = server.asked
        assert (one.method, one.path, one.params) == ("GET", "/x", {"a": "1"})


def test_a_post_carries_the_canonical_body() -> None:
    with stand_in(lambda _: Reply([1])) as server:
        where = endpoint(server)

        async def run() -> bytes:
            async with Transport(lambda _: "", {"etherscan": judge}) as transport:
                return await transport.ask(where, Request(where.base_url, body=b'{"id":0}'))

        assert asyncio.run(run()) == b"[1]"
        assert (server.asked[0].method, server.asked[0].body) == ("POST", b'{"id":0}')


@pytest.mark.parametrize(
    "fault",
    [
        Reply({"error": "slow down"}, 429),
        Reply(b"<html>503</html>", 503),
        Reply(b"<html>please wait</html>"),
        Reply({"a": 1}, fault="reset"),
        Reply({"a": "x" * 1000}, fault="cut"),
        Reply({"verdict": "again", "say": "Max rate limit reached"}),
        Reply(b'{"cut": '),
        Reply(b""),
    ],
    ids=["429", "503", "html", "reset", "cut", "said", "half", "empty"],
)
def test_what_may_pass_is_tried_again(fault: Reply) -> None:
    with stand_in(in_turn(fault, fault, Reply({"ok": 1}))) as server:
        assert asked(endpoint(server), "") == [b'{"ok": 1}']
        assert len(server.asked) == 3


def test_after_all_attempts_the_error_says_what_the_provider_said() -> None:
    with stand_in(lambda _: Reply({"verdict": "again", "say": "busy \x1b[31m"})) as server:
        with pytest.raises(ProviderError, match="4 attempts") as caught:
            asked(endpoint(server), "")
        assert len(server.asked) == 4
        assert "busy" in str(caught.value)
        assert "\x1b" not in str(caught.value)


def test_a_provider_that_cannot_be_reached_is_said_soon() -> None:
    with (
        stand_in(lambda _: Reply(fault="reset")) as server,
        pytest.raises(ProviderError, match="3 attempts") as caught,
    ):
        asked(endpoint(server), "", patience=Patience(8, 0.001, 0.002, deadline=5))
    assert "Check the network" in caught.value.hint
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        Reply({"a": 1}, 401),
        Reply({"a": 1}, 403),
        Reply({"verdict": "stop", "say": "Max daily rate limit reached"}),
        Reply(b"", 302, {"location": "http://127.0.0.1:1/elsewhere"}),
        Reply({"a": 1}, 429, {"retry-after": "86400"}),
    ],
    ids=["401", "403", "daily", "redirect", "tomorrow"],
)
def test_what_cannot_pass_stops_at_once(refusal: Reply) -> None:
    with stand_in(lambda _: refusal) as server:
        with pytest.raises(ProviderStopError):
            asked(endpoint(server), "")
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_an_error_with_a_json_body_is_an_answer_for_the_adapter(status: int) -> None:
    with stand_in(lambda _: Reply({"message": "Not found"}, status)) as server:
        assert json.loads(asked(endpoint(server), "")[0]) == {"message": "Not found"}


def test_retry_after_makes_every_question_wait() -> None:
    """Eight questions at once: the first is refused for 0.3 s, and none of the others is sent meanwhile."""
    with stand_in(in_turn(Reply({"a": 1}, 429, {"retry-after": "0.3"}), Reply([]))) as server:
        asked(endpoint(server, concurrency=1), *("/x",) * 8)
        times = [a.at for a in server.asked]
        assert len(times) == 9
        assert times[1] - times[0] >= 0.29


def test_the_rate_is_kept_and_used() -> None:
    """Sixty questions at 200 a second, measured by the server: never above the rate by more than its slack."""
    with stand_in(lambda _: Reply([])) as server:
        asked(endpoint(server, rate=200.0), *("/x",) * 60)
        times = sorted(a.at for a in server.asked)
        assert len(times) == 60
        assert times[-1] - times[0] >= (60 - 1 - 200 / 20) / 200 * 0.98


def test_two_chains_of_one_provider_share_its_pace() -> None:
    def answer(one: Asked) -> Reply:
        return Reply({"a": 1}, 429, {"retry-after": "0.3"}) if len(server.asked) == 1 else Reply([])

    with stand_in(answer) as server:
        first, second = endpoint(server, concurrency=1), endpoint(server, concurrency=1, chain="eip155:137")

        async def run() -> None:
            async with Transport(lambda _: "", {"etherscan": judge}, patience=QUICK) as transport:
                await asyncio.gather(*(transport.ask(e, Request(e.base_url)) for e in (first, second)))

        asyncio.run(run())
        times = [a.at for a in server.asked]
        assert len(times) == 3
        assert times[1] - times[0] >= 0.29


def test_no_more_questions_are_in_flight_than_allowed() -> None:
    gate, lock, most, now = threading.Event(), threading.Lock(), [0], [0]

    def answer(_: Asked) -> Reply:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == 3:
                gate.set()
        gate.wait(10)
        with lock:
            now[0] -= 1
        return Reply([])

    with stand_in(answer) as server:
        asked(endpoint(server, concurrency=3), *("/x",) * 9)
    assert most == [3]


def test_a_slow_answer_is_given_up_and_asked_again() -> None:
    never = threading.Event()
    with stand_in(in_turn(Reply([], hold=never), Reply([1]))) as server:
        assert asked(endpoint(server), "", patience=Patience(3, 0.001, 0.002, deadline=0.2)) == [b"[1]"]
        never.set()


def test_an_answer_that_is_too_large_or_unpacks_too_large_is_refused() -> None:
    packed = gzip.compress(b"[" + b"0," * (1 << 20) + b"0]")
    for reply in (
        Reply(b"[" + b"0," * (1 << 20) + b"0]"),
        Reply(packed, headers={"content-encoding": "gzip"}),
    ):
        with (
            stand_in(lambda _, reply=reply: reply) as server,
            pytest.raises(ProviderError, match="more than 1 MiB"),
        ):
            asked(endpoint(server), "")


def test_an_answer_nested_too_deeply_is_refused() -> None:
    with (
        stand_in(lambda _: Reply(b"[" * 3000 + b"]" * 3000)) as server,
        pytest.raises(ProviderError, match="nested"),
    ):
        asked(endpoint(server), "")


def test_a_text_without_end_costs_no_time() -> None:
    """Looked at once: a search that starts anew at every quote takes a minute for 80 kB, and weeks for 64 MB."""
    begun = time.process_time()
    with pytest.raises(ProviderError, match="JSON"):
        refuse_no_json(b'"' + b'\\"' * 40_000, "it")
    assert time.process_time() - begun < 5


def test_what_cannot_be_unpacked_is_asked_again() -> None:
    with stand_in(in_turn(Reply(b"plain", headers={"content-encoding": "gzip"}), Reply([1]))) as server:
        assert asked(endpoint(server), "", patience=Patience(3, 0.001, 0.002)) == [b"[1]"]


def test_brackets_inside_text_are_not_depth() -> None:
    raw = json.dumps({"symbol": "[" * 5000 + '\\"{'}).encode()
    with stand_in(lambda _: Reply(raw)) as server:
        assert asked(endpoint(server), "") == [raw]


# keys


def test_the_key_travels_where_the_endpoint_says() -> None:
    with stand_in(lambda _: Reply([])) as server:
        asked(endpoint(server, key_setting="k", key_param="apikey"), "/a")
        asked(endpoint(server, key_setting="k"), "/b")
        asked(endpoint(server, key_setting="k", key_param="{key}", base_url=f"{server.url}/v3/{{key}}"), "/c")
        asked(endpoint(server), "/d")
        first, second, third, fourth = server.asked
        assert first.params["apikey"] == KEY
        assert second.headers["authorization"] == f"Bearer {KEY}"
        assert third.path == f"/v3/{KEY}/c"
        assert KEY not in f"{fourth.params}{fourth.headers}{fourth.path}"


@pytest.mark.parametrize("param", ["apikey", "{basic}", "{key}"])
@pytest.mark.parametrize("key", ["S3CRET/+=&0123", "user:S3CRET 0123", 'S3CRET"0123'])
def test_a_key_is_blotted_out_however_an_answer_spells_it(key: str, param: str) -> None:
    def answer(told: Asked) -> Reply:
        words = [*told.params.values(), told.headers.get("authorization", ""), told.path, quote_plus(key)]
        return Reply([*words, key.partition(":")[2]])

    with stand_in(answer) as server:
        base = f"{server.url}/v3/{{key}}" if param == "{key}" else server.url
        (body,) = asked(endpoint(server, key_setting="k", key_param=param, base_url=base), "", key=key)
    assert b"S3CRET" not in body
    assert b64encode(key.encode()) not in body


@pytest.mark.parametrize("key", ["S3CRET\n0123", "S3CRET\u00e9", "S3CRET\0"])
@pytest.mark.parametrize("param", ["", "apikey", "{key}"])
def test_a_key_that_cannot_travel_is_refused_without_saying_it(key: str, param: str) -> None:
    with (
        stand_in(lambda _: Reply([])) as server,
        pytest.raises(ProviderStopError, match="characters that no key has") as caught,
    ):
        asked(endpoint(server, key_setting="k", key_param=param), "", key=key)
    assert "S3CRET" not in f"{caught.value!r} {caught.value.hint}"


def test_the_key_is_in_no_error_no_log_and_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    for reply in (
        Reply({"verdict": "again", "say": f"Invalid key {KEY}"}),
        Reply({"verdict": "stop", "say": f"Invalid key {KEY}"}),
        Reply([], 302, {"location": f"http://127.0.0.1:1/?apikey={KEY}"}),
        Reply([], fault="reset"),
        Reply(b"<html>" + KEY.encode()),
    ):
        with stand_in(lambda _, reply=reply: reply) as server, pytest.raises(ProviderError) as caught:
            asked(endpoint(server, key_setting="k", key_param="apikey"), "")
        texts.append(
            f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
        )
    with stand_in(lambda _: Reply({"echo": KEY})) as server:
        texts += [a.decode() for a in asked(endpoint(server, key_setting="k", key_param="apikey"), "")]
    assert KEY not in "".join(texts) + caplog.text
    assert '{"echo": "[key]"}' in texts


def test_the_key_does_not_follow_a_redirect() -> None:
    with stand_in(lambda _: Reply([])) as other:
        moved = Reply(b"", 307, {"location": f"{other.url}/x"})
        with stand_in(lambda _: moved) as server, pytest.raises(ProviderStopError, match="redirect"):
            asked(endpoint(server, key_setting="k"), "")
        assert other.asked == []


def test_a_key_over_plain_http_is_refused_before_anything_is_sent() -> None:
    where = Endpoint("far", "etherscan", "eip155:1", "http://explorer.example", key_setting="k")
    with pytest.raises(ProviderStopError, match="unencrypted"):
        asked(where, "")


def test_a_provider_that_needs_a_key_says_how_to_give_it() -> None:
    where = Endpoint(
        "far", "etherscan", "eip155:1", "https://explorer.example", key_setting="far", key_needed=True
    )
    with pytest.raises(ProviderStopError, match="TRACER_KEY_FAR"):
        asked(where, "", key="")


def test_a_question_for_another_provider_is_not_sent() -> None:
    with stand_in(lambda _: Reply([])) as server:
        where = endpoint(server)

        async def run() -> None:
            async with Transport(lambda _: KEY, {"etherscan": judge}) as transport:
                await transport.ask(where, Request("https://elsewhere.example"))

        with pytest.raises(InputError):
            asyncio.run(run())
        assert server.asked == []


# settings and providers


def test_keys_come_from_the_environment_before_the_workspace_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(
        "TRACER_KEY_ETHERSCAN=fromfile\nTRACER_KEY_BLOCKSCOUT=filekey\nTRACER_KEY_NONE=\n"
    )
    monkeypatch.setenv("TRACER_KEY_ETHERSCAN", "fromenv")
    settings = read_settings(tmp_path)
    found = {name: key.get_secret_value() for name, key in settings.keys.items()}
    assert found == {"etherscan": "fromenv", "blockscout": "filekey"}
    assert "fromenv" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_keyring_is_asked_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keyring

    kept = {("coinpursuit", "etherscan"): "ring"}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: kept.get((service, name)))
    where = Endpoint("e", "etherscan", "eip155:1", "https://e.example", key_setting="etherscan")
    settings = Settings(home=tmp_path)
    assert (key_of(settings, where), origin_of_key(settings, where)) == ("ring", "keyring")
    other = Endpoint("o", "etherscan", "eip155:1", "https://o.example", key_setting="other")
    assert (key_of(settings, other), origin_of_key(settings, other)) == ("", "")


@pytest.mark.parametrize(
    "backend", ["no.such.Backend", "json.JSONDecoder", "keyring.backends.SecretService.Keyring"]
)
def test_a_keyring_that_cannot_be_read_is_said_where_its_key_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str
) -> None:
    """Misspelt in the configuration, not a keyring at all, without a session bus: none is a defect of the tracer."""
    import keyring.core

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    settings = Settings(home=tmp_path)
    where = Endpoint("e", "etherscan", "eip155:1", "https://e.example", key_setting="ring")
    needed = replace(where, key_needed=True)
    assert key_of(settings, where) == ""
    with pytest.raises(ProviderStopError, match="keyring cannot be read") as refused:
        key_of(settings, needed)
    assert "TRACER_KEY_RING" in refused.value.hint
    assert origin_of_key(settings, where) == origin_of_key(settings, needed) == ""


def test_a_locked_keyring_is_named_and_what_it_says_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import keyring
    from keyring.errors import KeyringLocked

    def locked(service: str, name: str) -> str:
        raise KeyringLocked("s3cret collection is locked")

    monkeypatch.setattr(keyring, "get_password", locked)
    where = Endpoint("e", "etherscan", "eip155:1", "https://e.example", key_setting="ring", key_needed=True)
    with pytest.raises(ProviderStopError, match="KeyringLocked") as refused:
        key_of(Settings(home=tmp_path), where)
    assert "s3cret" not in str(refused.value)


def test_the_bundled_list_has_a_keyless_default_for_ethereum(tmp_path: Path) -> None:
    assert not find_provider(tmp_path, None, "eip155:1").key_needed
    known = providers(tmp_path)
    assert len({e.name for e in known}) == len(known)
    assert all(e.base_url.startswith("https://") or e.local for e in known)


def test_the_workspace_adds_and_replaces_providers(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(
        '[[provider]]\nname="mine"\nkind="jsonrpc"\nchain="eip155:1"\nbase_url="http://127.0.0.1:8545"\nrate=0\n'
        '[[provider]]\nname="etherscan-bnb"\nkind="etherscan"\nchain="eip155:56"\nbase_url="https://x.example"\n'
    )
    assert find_provider(tmp_path, None, "eip155:1").name == "mine"
    assert find_provider(tmp_path, "etherscan-bnb", "").base_url == "https://x.example"
    with pytest.raises(NotFoundError, match="Did you mean mine"):
        find_provider(tmp_path, "mime", "eip155:1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[provider]]\nnme="x"\n', "Did you mean name"),
        ('[[provider]]\nname="x"\nkind="jsonrpc"\nchain="c"\n', "base_url"),
        ('[[provider]]\nname="x"\nkind="j"\nchain="c"\nbase_url="https://a"\n', "no kind"),
        ('[[provider]]\nname="x"\nkind="jsonrpc"\nchain="c"\nbase_url="ftp://a"\n', "not the address"),
        ('[[provider]]\nname="x"\nkind="jsonrpc"\nchain="c"\nbase_url="https://u:p@a"\n', "password"),
        ('[[provider]]\nname="x"\nkind="jsonrpc"\nchain="c"\nbase_url="https://a"\nrate="3"\n', "rate"),
        ("base_url = 3\n", "something else"),
        ("[[", "cannot be read"),
    ],
)
def test_a_wrong_provider_file_is_refused_with_the_place(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        providers(tmp_path)


def test_a_bitcoin_case_is_asked_of_who_can_tell_histories(tmp_path: Path) -> None:
    chain = "bip122:000000000019d6689c085ae165831e93"
    (tmp_path / "providers.toml").write_text(
        f'[[provider]]\nname = "mine"\nkind = "bitcoind"\nchain = "{chain}"\nbase_url = "http://127.0.0.1:1"\n'
    )
    found = find_provider(tmp_path, None, chain)
    assert (found.kind, found.depth, found.encrypted, found.local) == ("esplora", 6, True, False)
    own = find_provider(tmp_path, "electrum-bitcoin", chain)
    assert (own.kind, own.depth, own.encrypted, own.local) == ("electrum", 6, False, True)
    with pytest.raises(InputError, match="no index of addresses") as caught:
        find_provider(tmp_path, "mine", chain)
    assert "Electrum server" in caught.value.hint
