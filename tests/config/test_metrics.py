"""What Prometheus reads, and who else may."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY, values
from pytest_django import Settings

from common import metrics
from config import metrics as processes
from config.task_watch import _end, _go_on, _send_along
from coupons import services as coupons
from coupons.errors import CouponAlreadyIssued
from outbox import services as outbox
from points import services as points
from tests.factories import CouponBatchFactory, UserFactory

TOKEN = "m" * 24


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def shown(client: Client) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
def test_numbers_of_the_shop_are_shown(client: Client) -> None:
    user = UserFactory.create()
    points.charge(user_id=user.pk, amount=700, idempotency_key="a")
    coupons.claim(user_id=user.pk, batch_id=CouponBatchFactory.create().pk)
    client.get("/api/v1/products")

    fresh = shown(client)
    outbox.address()
    text = shown(client)

    assert "shop_outbox_waiting 1.0" in fresh
    assert 'shop_events_total{topic="coupon.issued"} 1.0' in text
    assert "shop_outbox_dead 0.0" in text
    assert "shop_database_up 1.0" in text
    assert re.search(r"^shop_outbox_lag_seconds \d", text, re.MULTILINE)
    assert re.search(r"^shop_queue_depth \d", text, re.MULTILINE)
    assert 'route="api/v1/products"' in text
    assert 'shop_statement_seconds_count{database="default"}' in text
    # Machines that ask how we are would drown everybody else.
    assert 'route="livez"' not in text


@pytest.mark.django_db
def test_coupon_claims_are_counted_by_outcome() -> None:
    user, batch = UserFactory.create(), CouponBatchFactory.create()
    issued = sample("shop_coupon_claims_total", outcome="issued")
    twice = sample("shop_coupon_claims_total", outcome="coupon_already_issued")

    coupons.claim(user_id=user.pk, batch_id=batch.pk)
    with pytest.raises(CouponAlreadyIssued):
        coupons.claim(user_id=user.pk, batch_id=batch.pk)

    assert sample("shop_coupon_claims_total", outcome="issued") == issued + 1
    assert (
        sample("shop_coupon_claims_total", outcome="coupon_already_issued") == twice + 1
    )


@pytest.mark.django_db(transaction=True)
def test_points_count_once_they_are_there() -> None:
    user = UserFactory.create()
    before = sample("shop_points_total", kind="charge")

    points.charge(user_id=user.pk, amount=700, idempotency_key="a")
    points.charge(user_id=user.pk, amount=700, idempotency_key="a")

    assert sample("shop_points_total", kind="charge") == before + 700


def test_statements_fall_into_their_buckets() -> None:
    histogram = metrics.BatchHistogram(
        "test_batch", "x", ["database"], buckets=(1, 2), registry=None
    )

    child = histogram.labels("default")
    child.observe_all([0.5, 1.0, 1.5, 9.0])
    child.observe_all([])

    [family] = histogram.collect()
    found = {
        (each.name, each.labels.get("le")): each.value
        for each in family.samples
        if not each.name.endswith("_created")
    }
    assert found == {
        ("test_batch_bucket", "1.0"): 2,
        ("test_batch_bucket", "2.0"): 3,
        ("test_batch_bucket", "+Inf"): 4,
        ("test_batch_count", None): 4,
        ("test_batch_sum", None): 12.0,
    }


@pytest.mark.django_db
def test_strangers_are_not_shown_the_numbers(
    client: Client, settings: Settings
) -> None:
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 404
    proxied = client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert proxied.status_code == 404

    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics").status_code == 403
    wrong = client.get("/metrics", headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 403
    right = client.get(
        "/metrics",
        headers={"Authorization": f"Bearer {TOKEN}"},
        REMOTE_ADDR="10.0.0.1",
    )
    assert right.status_code == 200


@pytest.mark.django_db
def test_in_production_nobody_reads_without_a_token(
    client: Client, settings: Settings
) -> None:
    settings.PRODUCTION = True

    assert client.get("/metrics").status_code == 404


def test_machines_ask_by_number(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]

    assert client.get("/livez", headers={"Host": "10.1.2.3:8000"}).status_code == 200


@pytest.mark.django_db
def test_shop_without_redis_is_ready(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").json() == {"status": "ok", "redis": "ok"}

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("config.health.redis_failed", lambda _error: None)

    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["redis"]) == (200, "away")


def test_processes_of_a_server_that_is_gone_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(processes.MULTIPROCESS, raising=False)
    monkeypatch.setattr(values, "get_value_class", lambda: "for several")
    monkeypatch.setattr(values, "ValueClass", None)
    (tmp_path / "metrics" / "web-999999999").mkdir(parents=True)

    processes.prepare(tmp_path, process="command")
    alone: Any = values.ValueClass
    processes.prepare(tmp_path, process="web")
    together: Any = values.ValueClass

    assert (alone, together) == (None, "for several")
    [folder] = (tmp_path / "metrics").iterdir()
    assert folder.name.startswith("web-")


class FakeTask:
    """As much of a task as its watchers look at."""

    name = "test.task"

    def __init__(self, headers: dict[str, str]) -> None:
        self.request = type("Request", (), {})()
        vars(self.request).update(headers)


def test_tasks_are_timed_by_name_and_state() -> None:
    headers: dict[str, str] = {}
    _send_along(headers)
    before = sample("shop_task_seconds_count", task="test.task", state="success")

    _go_on("id-1", FakeTask(headers))
    _end("id-1", FakeTask(headers), "SUCCESS")
    _end("never begun", FakeTask(headers), "SUCCESS")

    after = sample("shop_task_seconds_count", task="test.task", state="success")
    assert after == before + 1
