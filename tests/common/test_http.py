"""Calls to other people's services, over real connections."""

import gzip
import logging
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from common import http
from tests.servers import Answer, Call, LocalServer

SECRET = "sk_test_nobody_may_read_this"


class Echo(LocalServer):
    """Says what it was sent."""

    def answer(self, call: Call) -> Answer:
        text = call.body.decode(errors="replace")
        return Answer(200, {"method": call.method, "body": text})


@pytest.fixture
def server(settings: Settings) -> Iterator[Echo]:
    settings.PROVIDER_TIMEOUT = 20
    with Echo() as server:
        yield server


def test_call_sends_json_and_returns_the_reply(server: Echo) -> None:
    reply = http.call(
        "POST", server.url + "/x", json={"a": 1}, params={"q": "é"}, auth=("u", "p")
    )

    assert reply.status == 200
    assert reply.json() == {"method": "POST", "body": '{"a":1}'}
    assert reply.headers["content-type"] == "application/json"
    [call] = server.calls
    assert (call.path, call.query) == ("/x", {"q": ["é"]})
    assert call.headers["content-type"] == "application/json"
    assert call.headers["authorization"] == "Basic dTpw"


def test_call_sends_bytes_unchanged_and_mappings_as_forms(server: Echo) -> None:
    http.call("PUT", server.url, data=b"\xff{ }", headers={"X-Name": "value"})
    http.call("POST", server.url, data={"grant_type": "a b"})

    raw, form = server.calls
    assert (raw.body, raw.headers["x-name"]) == (b"\xff{ }", "value")
    assert form.form() == {"grant_type": "a b"}


def test_connection_is_used_again(server: Echo) -> None:
    for _ in range(3):
        http.call("GET", server.url)

    pool = http.session().get_adapter(server.url)
    [connections] = [
        pool.poolmanager.pools[key]  # type: ignore[attr-defined]
        for key in pool.poolmanager.pools.keys()  # type: ignore[attr-defined]  # noqa: SIM118
        if str(key.key_port) in server.url
    ]
    assert connections.num_connections == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 301, 304])
def test_what_may_pass_is_away(status: int, server: Echo) -> None:
    server.fail_next(status=status, body=b"later")

    with pytest.raises(http.Away, match=f"HTTP {status}"):
        http.call("GET", server.url)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_other_client_errors_are_refusals_with_their_words(
    status: int, server: Echo
) -> None:
    words = "No, \n\x1b[31m" + "because " * 1000
    server.fail_next(status=status, body=words.encode())

    with pytest.raises(http.Refused) as refusal:
        http.call("GET", server.url + "/orders/1", params={"key": SECRET})

    assert refusal.value.status == status
    assert refusal.value.reply.body == words.encode()
    message = str(refusal.value)
    assert message.startswith(f"GET 127.0.0.1/orders/1: HTTP {status} No, [31mbecause")
    assert len(message) < 400
    assert "\x1b" not in message


def test_redirects_are_not_followed(server: Echo) -> None:
    server.fail_next(status=302, headers={"Location": server.url + "/elsewhere"})

    with pytest.raises(http.Away):
        http.call("POST", server.url + "/here", data=b"secret")

    assert [call.path for call in server.calls] == ["/here"]


def test_cookies_are_not_kept(server: Echo) -> None:
    server.fail_next(status=200, headers={"Set-Cookie": "a=b"})

    http.call("GET", server.url)
    http.call("GET", server.url)

    assert "cookie" not in server.calls[1].headers


@pytest.mark.parametrize("fault", ["hang_next", "drip_next"])
def test_call_ends_with_its_deadline(
    fault: str, server: Echo, settings: Settings
) -> None:
    settings.PROVIDER_TIMEOUT = 0.5
    getattr(server, fault)()
    started = time.monotonic()

    with pytest.raises(http.Away):
        http.call("GET", server.url)

    assert 0.4 < time.monotonic() - started < 15
    settings.PROVIDER_TIMEOUT = 20
    assert http.call("GET", server.url).status == 200


def test_deadline_holds_while_a_body_without_length_drips(
    server: Echo, settings: Settings
) -> None:
    settings.PROVIDER_TIMEOUT = 0.5
    server.drip_next(only_body=True)
    started = time.monotonic()

    with pytest.raises(http.Away):
        http.call("GET", server.url)

    assert 0.4 < time.monotonic() - started < 15


def test_calls_within_one_deadline_share_it(server: Echo) -> None:
    server.hang_next(path="/second")
    started = time.monotonic()

    with pytest.raises(http.Away), http.within(1.5):  # noqa: PT012 — the last one
        http.call("GET", server.url + "/first")
        time.sleep(1.2)
        http.call("GET", server.url + "/second")

    assert 1.4 < time.monotonic() - started < 2.6
    assert http.call("GET", server.url + "/third").status == 200


def test_call_after_the_shared_deadline_is_not_made(server: Echo) -> None:
    with http.within(10), http.within(0.01):
        time.sleep(0.02)
        with pytest.raises(http.Away, match="ConnectTimeout"):
            http.call("GET", server.url)

    assert server.calls == []


def test_closed_connection_is_away(server: Echo) -> None:
    server.drop_next()

    with pytest.raises(http.Away, match="ConnectionError"):
        http.call("GET", server.url)


def test_nobody_there_is_away(server: Echo) -> None:
    url = server.url
    server.stop()

    with pytest.raises(http.Away, match="ConnectionError"):
        http.call("GET", url)


def test_reply_up_to_the_limit_is_read(server: Echo) -> None:
    server.fail_next(status=200, body=b" " * http.MAX_BYTES)

    assert len(http.call("GET", server.url).body) == http.MAX_BYTES


def test_reply_beyond_the_limit_is_away(server: Echo) -> None:
    server.fail_next(status=200, body=b" " * (http.MAX_BYTES + 1))

    with pytest.raises(http.Away, match="ReplyTooLong"):
        http.call("GET", server.url)


def test_limit_counts_the_unpacked_reply(server: Echo) -> None:
    bomb = gzip.compress(b" " * (10 * http.MAX_BYTES))
    server.fail_next(status=200, body=bomb, headers={"Content-Encoding": "gzip"})

    with pytest.raises(http.Away, match="ReplyTooLong"):
        http.call("GET", server.url)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 5000])
def test_garbage_is_away(body: bytes, server: Echo) -> None:
    server.fail_next(status=200, body=body)
    reply = http.call("GET", server.url)

    with pytest.raises(http.Away, match="HTTP 200 without readable JSON"):
        reply.json()


def test_secrets_reach_no_log_and_no_error(
    server: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    server.drop_next()
    with caplog.at_level(logging.INFO), pytest.raises(http.Away) as error:
        http.call(
            "POST",
            server.url,
            params={"token": SECRET},
            headers={"Authorization": SECRET},
            data=SECRET.encode(),
        )

    assert SECRET not in str(error.value)
    assert SECRET not in caplog.text
