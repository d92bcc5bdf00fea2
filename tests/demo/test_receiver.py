"""The data platform takes what is signed, once, and keeps it."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from analytics.transports.base import sign
from demo.receiver import DataPlatform
from tests.demo.conftest import Send
from tests.demo.wire import SECRET, cloud_event, deliver, signed
from tests.running import free_port, wait_for


def test_a_signed_event_is_kept(platform: DataPlatform, send: Send) -> None:
    response = send(cloud_event(1))

    assert response.status == 200
    assert response.json() == {"accepted": 1, "duplicates": 0}
    assert platform.events() == [cloud_event(1)]


def test_the_shop_signs_as_the_platform_expects(platform: DataPlatform) -> None:
    body = json.dumps(cloud_event(1))
    now = int(time.time())
    ours = sign(SECRET, "message-1", now, body.encode())

    assert ours == signed(body, now)


def test_an_event_sent_again_counts_once(platform: DataPlatform, send: Send) -> None:
    send(cloud_event(1))

    response = send(cloud_event(1), webhook_id="message-1")

    assert response.json() == {"accepted": 0, "duplicates": 1}
    assert platform.events() == [cloud_event(1)]
    assert platform.stats()["duplicates"] == 1


def test_a_batch_keeps_what_is_new_in_it(platform: DataPlatform, send: Send) -> None:
    send(cloud_event(2))

    response = send(cloud_event(1), cloud_event(2), cloud_event(3), cloud_event(3))

    assert response.json() == {"accepted": 2, "duplicates": 2}
    assert [event["id"] for event in platform.events()] == [
        "0199-2",
        "0199-1",
        "0199-3",
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook_signature": "v1,Zm9yZ2Vk"},
        {"webhook_signature": "v1,gefälscht"},
        {"webhook_signature": ""},
        {"webhook_id": "message-2"},
        {"webhook_timestamp": "now"},
    ],
)
def test_a_forged_event_is_refused(
    platform: DataPlatform, send: Send, headers: dict[str, str]
) -> None:
    response = send(cloud_event(1), **headers)

    assert response.status == 401
    assert platform.events() == []


def test_the_time_is_signed_too(platform: DataPlatform, send: Send) -> None:
    now = int(time.time())
    signature = signed(json.dumps(cloud_event(1)), now - 5)

    response = send(
        cloud_event(1), webhook_timestamp=str(now), webhook_signature=signature
    )

    assert response.status == 401
    assert platform.events() == []


@pytest.mark.parametrize("offset", [-310, 310])
def test_a_signature_of_another_time_is_refused(
    platform: DataPlatform, send: Send, offset: int
) -> None:
    body = json.dumps(cloud_event(1))
    then = int(time.time()) + offset

    response = send(
        cloud_event(1),
        webhook_timestamp=str(then),
        webhook_signature=signed(body, then),
    )

    assert response.status == 401
    assert platform.events() == []


def test_either_of_two_signatures_will_do(platform: DataPlatform, send: Send) -> None:
    body = json.dumps(cloud_event(1))
    now = int(time.time())
    both = f"v1,Zm9yZ2Vk {signed(body, now)}"

    response = send(cloud_event(1), webhook_timestamp=str(now), webhook_signature=both)

    assert response.status == 200


def test_either_of_two_secrets_will_do() -> None:
    old, new = SECRET, "whsec_dGhlIG5ldyBvbmUsIG9ubHkgZm9yIHRlc3Rz"
    with DataPlatform(secret=f"{old},{new}") as platform:
        now = int(time.time())
        for number, secret in enumerate((old, new)):
            signature = signed(json.dumps(cloud_event(number)), now, secret)
            response = deliver(
                platform.url,
                cloud_event(number),
                webhook_timestamp=str(now),
                webhook_signature=signature,
            )
            assert response.status == 200
        assert len(platform.events()) == 2


def test_same_id_of_another_source_is_another_event(
    platform: DataPlatform, send: Send
) -> None:
    send(cloud_event(1), cloud_event(1, source="/shop/other"))

    assert len(platform.events()) == 2


def test_what_is_no_event_is_refused(platform: DataPlatform, send: Send) -> None:
    assert send(cloud_event(1, id="")).status == 400
    assert send(cloud_event(1), content_type="text/plain").status == 415
    assert platform.events() == []


def test_the_events_can_be_read_page_by_page(
    platform: DataPlatform, send: Send
) -> None:
    send(cloud_event(1), cloud_event(2), cloud_event(3))

    reply = urllib3.request("GET", f"{platform.url}?after=1").json()

    assert reply == {"events": [cloud_event(2), cloud_event(3)], "next": 3}


def test_people_see_the_last_orders(platform: DataPlatform, send: Send) -> None:
    send(cloud_event(7, data={"number": "<b>7</b>", "total": 12000, "lines": []}))

    html = urllib3.request("GET", platform.url.removesuffix("/events")).data.decode()

    assert "12,000" in html
    assert "&lt;b&gt;7&lt;/b&gt;" in html
    assert "<b>7" not in html


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    with DataPlatform(secret=SECRET, path=path) as first:
        deliver(first.url, cloud_event(1), cloud_event(2))

    with DataPlatform(secret=SECRET, path=path) as second:
        again = deliver(second.url, cloud_event(2), cloud_event(3)).json()

        assert again == {"accepted": 1, "duplicates": 1}
        assert len(second.events()) == 3


def test_what_a_killed_receiver_has_acknowledged_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    port = free_port()
    command = [sys.executable, "-m", "demo.receiver", "--path", str(path)]
    receiver = subprocess.Popen([*command, "--port", str(port), "--secret", SECRET])
    url = f"http://127.0.0.1:{port}/events"
    try:
        wait_for(lambda: is_there(port), "the receiver listens")
        for number in range(20):
            assert deliver(url, cloud_event(number)).status == 200
    finally:
        receiver.kill()
        receiver.wait()

    with DataPlatform(secret=SECRET, path=path) as platform:
        assert deliver(platform.url, cloud_event(19)).json()["duplicates"] == 1
        assert platform.events() == [cloud_event(number) for number in range(20)]


def is_there(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_told_to_fail_it_keeps_nothing(platform: DataPlatform, send: Send) -> None:
    platform.misbehave("503")

    assert send(cloud_event(1)).status == 503
    assert platform.events() == []


def test_told_to_drop_it_keeps_the_event(platform: DataPlatform, send: Send) -> None:
    platform.misbehave("drop")

    with pytest.raises(urllib3.exceptions.ProtocolError):
        send(cloud_event(1))

    assert platform.events() == [cloud_event(1)]


def test_told_to_reset_it_keeps_nothing(platform: DataPlatform, send: Send) -> None:
    platform.misbehave("reset")

    with pytest.raises(urllib3.exceptions.ProtocolError):
        send(cloud_event(1))

    assert platform.events() == []


def test_told_to_be_slow_it_answers_late(platform: DataPlatform, send: Send) -> None:
    platform.misbehave("slow", seconds=0.2)
    start = time.monotonic()

    assert send(cloud_event(1)).status == 200

    assert time.monotonic() - start >= 0.2


def test_told_to_be_late_it_keeps_the_event_and_answers_later(
    platform: DataPlatform, send: Send
) -> None:
    platform.misbehave("late", seconds=0.2)
    start = time.monotonic()

    assert send(cloud_event(1)).status == 200

    assert time.monotonic() - start >= 0.2
    assert len(platform.events()) == 1


def test_faults_are_set_over_http(platform: DataPlatform, send: Send) -> None:
    faults = platform.url.replace("/events", "/faults")

    reply = urllib3.request("POST", faults, body=json.dumps({"mode": "500"}))

    assert reply.status == 200
    assert send(cloud_event(1)).status == 500
    assert urllib3.request("POST", faults, body=b'{"mode": "?"}').status == 400


def test_without_the_option_there_are_no_faults() -> None:
    with DataPlatform(secret=SECRET) as platform:
        faults = platform.url.replace("/events", "/faults")

        assert urllib3.request("POST", faults, body=b'{"mode": "500"}').status == 404
        assert deliver(platform.url, cloud_event(1)).status == 200


def test_it_knows_nothing_of_django() -> None:
    code = "import sys, demo.receiver.command; print('django' in sys.modules)"

    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout == "False\n"
