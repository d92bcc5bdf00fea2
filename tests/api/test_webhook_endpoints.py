"""Staff say which other systems are told of what."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from common import audit
from outbox import services as outbox
from outbox.models import Dispatch
from tests.api.client import Api
from tests.factories import UserFactory
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db
ENDPOINTS = "/api/v1/webhook-endpoints"
HOOK = {"url": "https://erp.example/hook", "topics": ["order.*"], "description": "ERP"}


@pytest.fixture(autouse=True)
def _nobody_else(settings: Settings) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = dict.fromkeys(settings.OUTBOX_SUBSCRIPTIONS, ())


def created(staff: Api, **changes: Any) -> dict[str, Any]:
    answer = staff.post(ENDPOINTS, HOOK | changes)
    assert answer.status == 201, answer.body
    body: dict[str, Any] = answer.body
    return body


def happen(number: int) -> None:
    with transaction.atomic():
        outbox.publish(topic="order.paid", aggregate=f"order/{number}", payload={})
    outbox.address()


def test_secret_is_shown_once(staff: Api) -> None:
    answer = staff.post(ENDPOINTS, HOOK)

    assert answer.body["secret"].startswith("whsec_")
    place = answer.header("Location")
    assert place == f"{ENDPOINTS}/{answer.body['id']}"
    shown = staff.get(place)
    assert "secret" not in shown.body
    assert shown.body | {"secret": answer.body["secret"]} == answer.body
    assert staff.get(ENDPOINTS).body["items"] == [shown.body]
    assert shown.body["topics"] == ["order.*"]
    assert shown.body["is_enabled"] is True


def test_repeated_request_makes_one_endpoint(staff: Api) -> None:
    first, again = (staff.post(ENDPOINTS, HOOK, Idempotency_Key="k") for _ in range(2))

    assert first.body == again.body
    assert Endpoint.objects.count() == 1


def test_new_secret_signs_beside_the_old_one(staff: Api) -> None:
    made = created(staff)

    answer = staff.post(f"{ENDPOINTS}/{made['id']}/secret")

    assert answer.status == 201
    assert answer.body["secret"] != made["secret"]
    endpoint = Endpoint.objects.get()
    assert endpoint.signers() == [answer.body["secret"], made["secret"]]
    assert answer.body["old_secret_until"] is not None


def test_endpoint_is_changed_and_switched_off(staff: Api) -> None:
    path = f"{ENDPOINTS}/{created(staff)['id']}"

    off = staff.patch(path, {"is_enabled": False})
    moved = staff.patch(path, {"url": "https://erp.example/new", "topics": ["*.x"]})
    happen(1)

    assert off.body["is_enabled"] is False
    assert off.body["disabled_because"] == "switched off by staff"
    assert (moved.status, moved.pointers) == (400, ["#/topics/0"])
    assert not Dispatch.objects.exists()
    on = staff.patch(path, {"is_enabled": True, "topics": ["order.paid"]})
    assert (on.body["is_enabled"], on.body["topics"]) == (True, ["order.paid"])
    happen(2)
    assert Dispatch.objects.count() == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example/hook",
        "https://127.0.0.1/hook",
        "https://169.254.169.254/latest",
        "https://user:password@erp.example/",
        "hook",
    ],
)
def test_address_of_ours_is_refused(staff: Api, settings: Settings, url: str) -> None:
    settings.WEBHOOKS_MAY_BE_LOCAL = False

    answer = staff.post(ENDPOINTS, HOOK | {"url": url})

    assert (answer.status, answer.code) == (400, "webhook_url_refused")
    assert answer.body["why"]
    assert not Endpoint.objects.exists()


def test_there_are_at_most_fifty(staff: Api) -> None:
    Endpoint.objects.bulk_create(
        Endpoint(url="https://a.example", topics=["order.*"], secret="whsec_YQ==")
        for _ in range(50)
    )

    answer = staff.post(ENDPOINTS, HOOK)

    assert (answer.status, answer.code) == (409, "too_many_webhook_endpoints")
    assert answer.body["limit"] == 50


def test_removed_twice_is_fine(staff: Api) -> None:
    path = f"{ENDPOINTS}/{created(staff)['id']}"
    happen(1)

    assert [staff.delete(path).status for _ in range(2)] == [204, 204]

    assert not Endpoint.objects.exists()
    assert not Dispatch.objects.exists()
    assert staff.get(path).code == "webhook_endpoint_not_found"
    assert staff.patch(path, {"description": "x"}).status == 404
    assert staff.post(f"{path}/secret").status == 404
    assert staff.get(f"{path}/deliveries").status == 404


def test_deliveries_are_listed_page_by_page(staff: Api) -> None:
    path = f"{ENDPOINTS}/{created(staff)['id']}/deliveries"
    for number in range(5):
        happen(number)
    first, second, *_ = Dispatch.objects.order_by("-pk")
    Dispatch.objects.filter(pk=first.pk).update(delivered_at=Now())
    Dispatch.objects.filter(pk=second.pk).update(dead_at=Now(), last_error="HTTP 410")

    page = staff.get(f"{path}?limit=3").body
    rest = staff.get(page["next"]).body

    states = [one["state"] for one in [*page["items"], *rest["items"]]]
    assert states == ["delivered", "failed", "waiting", "waiting", "waiting"]
    assert page["items"][1]["last_error"] == "HTTP 410"
    assert page["items"][0]["webhook_id"] == str(first.event_id)
    assert rest["next"] is None
    for state, count in (("waiting", 3), ("delivered", 1), ("failed", 1)):
        assert len(staff.get(f"{path}?state={state}").body["items"]) == count
    assert staff.get(f"{path}?cursor=nonsense").code == "cursor_invalid"


@pytest.mark.parametrize("column", ["delivered_at", "dead_at", ""])
def test_delivery_is_sent_again(staff: Api, column: str) -> None:
    created(staff)
    happen(1)
    dispatch = Dispatch.objects.get()
    if column:
        Dispatch.objects.update(**{column: Now(), "attempts": 20})

    answer = staff.post(f"/api/v1/deliveries/{dispatch.pk}/replay")

    assert answer.status == 202
    assert (answer.body["state"], answer.body["attempts"]) == ("waiting", 0)
    assert Dispatch.objects.waiting().get().event_id == dispatch.event_id


def test_delivery_that_is_not_there_or_off_is_not_sent_again(
    staff: Api, settings: Settings
) -> None:
    made = created(staff)
    happen(1)
    [dispatch] = Dispatch.objects.all()
    staff.patch(f"{ENDPOINTS}/{made['id']}", {"is_enabled": False})

    off = staff.post(f"/api/v1/deliveries/{dispatch.pk}/replay")
    unknown = staff.post(f"/api/v1/deliveries/{2**40}/replay")
    settings.OUTBOX_SUBSCRIPTIONS = {"order.paid": ("tests.outbox.subscribers.first",)}
    happen(2)
    own = Dispatch.objects.get(subscriber="tests.outbox.subscribers.first")

    assert (off.status, off.code) == (409, "webhook_endpoint_disabled")
    assert (unknown.status, unknown.code) == (404, "delivery_not_found")
    assert (
        staff.post(f"/api/v1/deliveries/{own.pk}/replay").code == "delivery_not_found"
    )


def operations(endpoint_id: int, delivery_id: int) -> list[tuple[str, str, Any, str]]:
    path = f"{ENDPOINTS}/{endpoint_id}"
    return [
        ("GET", ENDPOINTS, None, "view"),
        ("GET", path, None, "view"),
        ("GET", f"{path}/deliveries", None, "view"),
        ("POST", ENDPOINTS, HOOK, "add"),
        ("PATCH", path, {"description": "x"}, "change"),
        ("POST", f"{path}/secret", {}, "change"),
        ("POST", f"/api/v1/deliveries/{delivery_id}/replay", {}, "change"),
        ("DELETE", path, None, "delete"),
    ]


def test_each_operation_takes_its_permission(staff: Api, api: Api, guest: Api) -> None:
    made = created(staff)
    happen(1)
    [delivery] = Dispatch.objects.all()

    for method, path, body, action in operations(made["id"], delivery.pk):
        clerk = UserFactory.create(is_staff=True)
        assert Api(clerk).send(method, path, body).status == 403
        assert api.send(method, path, body).code == "permission_denied"
        assert guest.send(method, path, body).status == 401
        permission = Permission.objects.get(codename=f"{action}_endpoint")
        clerk.user_permissions.add(permission)
        assert Api(clerk).send(method, path, body).status < 300, (method, path)


def test_what_staff_do_is_on_record(staff: Api) -> None:
    path = f"{ENDPOINTS}/{created(staff)['id']}"
    staff.patch(path, {"description": "x"})
    staff.post(f"{path}/secret")
    staff.delete(path)

    said = [audit.read(entry) for entry in LogEntry.objects.order_by("pk")]
    assert [row.reason for row in said] == [
        "added",
        "description",
        "new secret",
        "removed",
    ]
    assert "whsec_" not in str(said)
