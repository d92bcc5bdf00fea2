"""Whom the shop calls for strangers, and whom it never does."""

import socket
from typing import Any

import pytest
from pytest_django import Settings

from common import http, outward
from common.outward import AddressRefused
from tests.webhooks.conftest import Receiver

PUBLIC = "93.184.216.34"
OURS = [
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "0",
    "localhost",
    "::1",
    "[::1]",
    "10.0.0.1",
    "172.16.9.9",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",  # noqa: S104 — refused
    "224.0.0.1",
    "255.255.255.255",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
]


@pytest.fixture(autouse=True)
def _strict(settings: Settings) -> None:
    settings.WEBHOOKS_MAY_BE_LOCAL = False


def resolving(*answers: str) -> Any:
    """Return a resolver that says one thing after the other, then the last again."""
    left = list(answers)

    def getaddrinfo(_host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        said = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in said.split()
        ]

    return getaddrinfo


def post(url: str) -> None:
    http.post_to_stranger(url, headers={}, data=b"{}", seconds=2)


@pytest.mark.parametrize("host", OURS)
def test_our_own_network_is_never_called(host: str) -> None:
    with pytest.raises(AddressRefused):
        outward.pinned(host, 443)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are(address: str) -> None:
    assert outward.pinned(address, 443) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "ftp://shop.example/hook",
        "file:///etc/passwd",
        "https:///hook",
        "https://user:password@shop.example/hook",
        "https://shop.example/hook#part",
        "https://shop.example\\@127.0.0.1/",
        "https://shop.example/a b",
        "https://shop.example:99999/",
        "https://[::1/",
        "https://127.0.0.1/hook",
        "https://[::ffff:127.0.0.1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "hook",
        "",
    ],
)
def test_address_that_cannot_be_right_is_refused_at_once(url: str) -> None:
    with pytest.raises(AddressRefused):
        outward.checked(url)


def test_plain_address_is_taken() -> None:
    assert outward.checked("https://erp.example:8443/hook?shop=1").port == 8443


def test_name_that_changes_its_mind_is_believed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> None:
        called.append(address)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", resolving(PUBLIC, "127.0.0.1"))
    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)

    with pytest.raises(http.Away):
        post("https://rebinding.example/hook")

    # The address that was checked, not what the name would say the next time.
    assert called == [(PUBLIC, 443)]


@pytest.mark.parametrize("answer", ["127.0.0.1", f"{PUBLIC} 10.0.0.1", "::1"])
def test_name_that_leads_to_us_is_not_called(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving(answer))

    with pytest.raises(http.Away, match="is not a public address"):
        post("https://evil.example/hook")


def test_redirect_to_us_is_not_followed(
    receiver: Receiver, other: Receiver, settings: Settings
) -> None:
    settings.WEBHOOKS_MAY_BE_LOCAL = True
    receiver.fail_next(status=302, headers={"Location": other.url})

    with pytest.raises(http.Away, match="HTTP 302"):
        post(f"{receiver.url}/hook")

    assert other.calls == []


def test_developer_may_call_the_own_machine_but_no_metadata(
    receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOKS_MAY_BE_LOCAL = True

    post(f"{receiver.url}/hook")

    assert len(receiver.calls) == 1
    for host in ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "0.0.0.0"):  # noqa: S104 — refused
        with pytest.raises(AddressRefused):
            outward.pinned(host, 80)


def test_connection_of_before_does_not_go_around_the_check(
    receiver: Receiver, settings: Settings
) -> None:
    settings.WEBHOOKS_MAY_BE_LOCAL = True
    http.call("POST", f"{receiver.url}/provider", json={})
    settings.WEBHOOKS_MAY_BE_LOCAL = False

    with pytest.raises(http.Away):
        post(f"{receiver.url}/hook")

    assert [call.path for call in receiver.calls] == ["/provider"]
