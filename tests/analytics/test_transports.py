"""Each transport's outcomes; what others' libraries make of what we send."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook

from analytics import data_platform, transports
from analytics.transports import file as files
from analytics.transports.base import SINGLE, cloud_event, dump, signed_headers
from common.ids import uuid7
from outbox.services import OutgoingEvent

SECRET = "whsec_dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3Rz"
OTHER = "whsec_YW5vdGhlci1vbmUtYnV0LW9ubHktZm9yLXRlc3Rz"


@pytest.fixture(autouse=True)
def _secret(settings: Settings) -> Iterator[None]:
    settings.DATA_PLATFORM_SECRET = SECRET
    yield
    transports._made.cache_clear()


def paid(number: int, **payload: Any) -> OutgoingEvent:
    """Return a paid order as the relay hands it over."""
    return OutgoingEvent(
        id=uuid7(),
        topic="order.paid",
        aggregate=f"order/{number}",
        payload={"order_id": str(number), "name": "도장 «Ä»", **payload},
        occurred_at=datetime(2026, 3, 5, 12, 30, 1, 234567, tzinfo=UTC),
        sequence=number,
        attempt=1,
    )


# --- The oracles ---------------------------------------------------------------------


def test_library_of_cloudevents_reads_what_we_write() -> None:
    ours = paid(7)

    event = from_structured_event(
        HTTPMessage(headers={"content-type": SINGLE}, body=dump(cloud_event(ours))),
        JSONFormat(),
    )

    assert event.get_id() == str(ours.id)
    assert event.get_type() == "shop.order.paid.v1"
    assert event.get_source() == "/shop/development"
    assert event.get_subject() == "order/7"
    assert event.get_time() == ours.occurred_at
    assert event.get_datacontenttype() == "application/json"
    assert str(event.get_dataschema()).endswith("/schemas/shop.order.paid.v1")
    assert event.get_extension("sequence") == "7"
    assert event.get_data() == ours.payload


def test_guests_key_to_the_order_stays_in_the_shop() -> None:
    assert "url" not in cloud_event(paid(1, url="https://shop/secret"))["data"]


def test_library_of_standard_webhooks_believes_our_signature() -> None:
    body = dump(cloud_event(paid(1)))

    assert Webhook(SECRET).verify(body, signed_headers("m-1", body)) == json.loads(body)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(OTHER).verify(body, signed_headers("m-1", body))
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(body + b" ", signed_headers("m-1", body))


def test_both_secrets_sign_while_one_is_being_replaced(settings: Settings) -> None:
    settings.DATA_PLATFORM_SECRET = f"{OTHER}, {SECRET}"
    body = dump(cloud_event(paid(1)))
    headers = signed_headers("m-1", body)

    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(body, headers) == json.loads(body)


# --- The choice ----------------------------------------------------------------------


def test_without_an_address_events_wait(settings: Settings) -> None:
    settings.DATA_PLATFORM_URL = ""

    [outcome] = data_platform.push([paid(1)])

    assert (outcome.error, outcome.is_away) == ("DATA_PLATFORM_URL is not set", True)


def test_kafka_without_its_library_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['confluent_kafka'] = None\n"
        "import django; django.setup()\n"
        "import analytics.transports.kafka"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"DJANGO_SETTINGS_MODULE": "config.settings_test", "PATH": ""},
        capture_output=True,
        text=True,
    )

    assert "needs: pip install confluent-kafka==2.15.1" in ended.stderr


# --- A folder ------------------------------------------------------------------------


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    spool = tmp_path / "ein Ordner"
    spool.mkdir()
    settings.DATA_PLATFORM_TRANSPORT = "file"
    settings.DATA_PLATFORM_URL = spool.as_uri()
    return spool


def test_folder_gets_a_line_per_event(folder: Path) -> None:
    events = [paid(n) for n in range(3)]

    outcomes = data_platform.push(events[:2]) + data_platform.push(events[2:])  # type: ignore[operator]

    assert all(outcome.is_delivered for outcome in outcomes)
    [path] = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(files.read(path)) == [cloud_event(event) for event in events]
    assert path.read_bytes().count(b"\n") == 3


def test_each_shop_day_has_a_file_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Midnight in Seoul is 15:00 in Greenwich.
    for minute in (59, 60):
        hour, rest = 14 + minute // 60, minute % 60
        moment = datetime(2026, 3, 5, hour, rest, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        data_platform.push([paid(minute)])

    assert sorted(path.name for path in folder.iterdir()) == [
        "shop.orders-2026-03-05.jsonl",
        "shop.orders-2026-03-06.jsonl",
    ]


@pytest.mark.parametrize("kept", [1, 100, -1], ids=["a byte", "a part", "all but \\n"])
def test_line_that_a_crash_tore_is_recognised(folder: Path, kept: int) -> None:
    first, torn, last = (paid(n) for n in range(3))
    data_platform.push([first])
    [path] = folder.iterdir()
    whole = dump(cloud_event(torn)) + b"\n"
    with path.open("ab") as file:
        file.write(whole[:kept])
    assert list(files.read(path)) == [cloud_event(first)]

    data_platform.push([torn, last])

    got = [event["id"] for event in files.read(path)]
    # A line that lacked nothing but its end is there twice, under one id.
    expected = [first, *([torn] if kept == -1 else []), torn, last]
    assert got == [str(event.id) for event in expected]


def test_folder_that_is_not_there_is_away(folder: Path) -> None:
    folder.rmdir()

    outcomes = data_platform.push([paid(1), paid(2)])

    assert [outcome.is_away for outcome in outcomes] == [True, True]
    folder.mkdir()
    assert data_platform.push([paid(1)])[0].is_delivered


def test_disk_that_is_full_tears_a_line_and_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def fill_up(file: int, data: bytes) -> int:
        write(file, data[:50])
        raise OSError(28, "No space left on device")

    event = paid(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fill_up)
        [outcome] = data_platform.push([event])
    assert (outcome.is_delivered, outcome.is_away) == (False, True)

    assert data_platform.push([event])[0].is_delivered
    [path] = folder.iterdir()
    assert list(files.read(path)) == [cloud_event(event)]


def test_programs_that_write_at_once_do_not_mix_their_lines(folder: Path) -> None:
    events = [paid(n, filler="x" * 20_000) for n in range(24)]
    code = f"""
import django; django.setup()
from tests.analytics.test_transports import paid
from analytics.transports.file import Folder
folder = Folder({folder.as_uri()!r}, "shop.orders")
for n in range(24):
    folder.send([paid(n, filler="y" * 20_000)])
"""
    others = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings_test"},
    )
    for event in events:
        data_platform.push([event])
    assert others.wait(60) == 0

    lines = [event for path in folder.iterdir() for event in files.read(path)]
    assert len(lines) == 48
    assert {event["data"]["filler"] for event in lines} == {"x" * 20_000, "y" * 20_000}


# --- Kafka, by the mock cluster of its client library --------------------------------


@contextmanager
def kafka(settings: Settings) -> Iterator[str]:
    """Run a Kafka of three brokers in this process; yield its address."""
    client = pytest.importorskip("confluent_kafka")
    cluster = client.Producer({"test.mock.num.brokers": "3"})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    settings.DATA_PLATFORM_TRANSPORT = "kafka"
    settings.DATA_PLATFORM_URL = f"kafka://{address}"
    yield address


def consume(address: str, number: int) -> list[Any]:
    client = pytest.importorskip("confluent_kafka")
    consumer = client.Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "test",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(["shop.orders"])
    try:
        found: list[Any] = []
        for _ in range(60):
            found += [m for m in consumer.consume(number, 0.5) if m.error() is None]
            if len(found) >= number:
                break
        return found
    finally:
        consumer.close()


def test_kafka_gets_each_event_signed_and_keyed(settings: Settings) -> None:
    events = [paid(n) for n in range(5)]
    with kafka(settings) as address:
        outcomes = data_platform.push(events)
        assert [outcome.error for outcome in outcomes] == [""] * 5
        messages = consume(address, 5)

    by_key = {message.key().decode(): message for message in messages}
    assert len(messages) == 5
    for event in events:
        message = by_key[event.aggregate]
        assert json.loads(message.value()) == cloud_event(event)
        headers = {name: value.decode() for name, value in message.headers()}
        assert headers["content-type"] == SINGLE
        assert headers["ce_id"] == str(event.id)
        assert headers["ce_type"] == "shop.order.paid.v1"
        assert Webhook(SECRET).verify(message.value(), headers)


def test_kafka_that_is_down_is_away_and_comes_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pytest.importorskip("analytics.transports.kafka")
    monkeypatch.setattr(module, "FLUSH_SECONDS", 1)
    settings.DATA_PLATFORM_TRANSPORT = "kafka"
    settings.DATA_PLATFORM_URL = "kafka://127.0.0.1:9"
    event = paid(1)
    [outcome] = data_platform.push([event])
    assert (outcome.is_delivered, outcome.is_away) == (False, True)

    monkeypatch.setattr(module, "FLUSH_SECONDS", 12)
    with kafka(settings) as address:
        assert data_platform.push([event])[0].is_delivered
        assert [json.loads(m.value())["id"] for m in consume(address, 1)] == [
            str(event.id)
        ]


def test_event_that_kafka_will_never_take_is_hopeless(settings: Settings) -> None:
    with kafka(settings):
        small, large = data_platform.push([paid(1), paid(2, filler="x" * 1_100_000)])

    assert small.is_delivered
    assert large.is_final
