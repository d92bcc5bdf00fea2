"""Other systems in the admin: their secrets are shown once, what they got always."""

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import User
from outbox import services as outbox
from outbox.models import Dispatch
from tests.admin.acting import act, told
from webhooks import services as webhooks
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db
LIST = "/admin/webhooks/endpoint/"
HOOK = {"url": "https://erp.example/hook", "description": "ERP", "topics": ["order.*"]}


def page_of(endpoint: Endpoint) -> str:
    return f"{LIST}{endpoint.pk}/change/"


def test_endpoint_is_added_and_its_secret_shown_once(
    boss: User, client: Client
) -> None:
    response = client.post(f"{LIST}add/", HOOK)

    endpoint = Endpoint.objects.get()
    assert response.status_code == 302
    assert endpoint.secret in " ".join(told(response))  # type: ignore[arg-type]
    client.get(LIST)  # shows what was told
    assert endpoint.secret not in client.get(page_of(endpoint)).content.decode()


def test_address_of_ours_is_refused(boss: User, client: Client) -> None:
    response = client.post(f"{LIST}add/", HOOK | {"url": "https://169.254.169.254/"})

    assert response.status_code == 200
    assert "not a public address" in response.content.decode()
    assert not Endpoint.objects.exists()


def test_endpoint_gets_a_new_secret_and_is_switched_off_and_on(
    boss: User, client: Client
) -> None:
    endpoint = webhooks.create(url="https://erp.example/hook", topics=["order.*"])
    old = endpoint.secret

    rotated = act(client, LIST, "rotate", endpoint.pk)
    endpoint.refresh_from_db()
    assert endpoint.signers() == [endpoint.secret, old]
    assert endpoint.secret in " ".join(told(rotated))

    act(client, LIST, "switch_off", endpoint.pk)
    endpoint.refresh_from_db()
    assert not endpoint.is_enabled
    act(client, LIST, "switch_on", endpoint.pk)
    endpoint.refresh_from_db()
    assert endpoint.is_enabled


def test_what_was_sent_stands_on_its_page_and_can_be_sent_again(
    boss: User, client: Client
) -> None:
    endpoint = webhooks.create(url="https://erp.example/hook", topics=["order.*"])
    with transaction.atomic():
        outbox.publish(topic="order.paid", aggregate="order/1", payload={})
    outbox.address()
    Dispatch.objects.filter(subscriber=endpoint.subscriber).update(
        dead_at="2026-01-01T00:00Z", last_error="HTTP 500"
    )
    [dispatch] = Dispatch.objects.filter(subscriber=endpoint.subscriber)

    page = client.get(page_of(endpoint)).content.decode()
    act(client, "/admin/outbox/dispatch/", "replay", dispatch.pk)

    assert "order.paid" in page
    assert "HTTP 500" in page
    assert f"/admin/outbox/dispatch/{dispatch.pk}/change/" in page
    dispatch.refresh_from_db()
    assert dispatch.dead_at is None


def test_removed_endpoint_takes_its_deliveries_along(
    boss: User, client: Client
) -> None:
    endpoint = webhooks.create(url="https://erp.example/hook", topics=["order.*"])
    with transaction.atomic():
        outbox.publish(topic="order.paid", aggregate="order/1", payload={})
    outbox.address()

    client.post(f"{LIST}{endpoint.pk}/delete/", {"post": "yes"})

    assert not Endpoint.objects.exists()
    assert not Dispatch.objects.filter(subscriber=endpoint.subscriber).exists()
