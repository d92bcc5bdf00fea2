"""Behaviour as apps send it: in batches, with consent, each event once."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from analytics import buffer, privacy, pseudonyms
from analytics.models import Behaviour, BehaviourEvent, Privacy
from catalog.models import Product
from common.cache import redis_client
from tests.analytics.observing import sent
from tests.api.client import Api
from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_buffer() -> Iterator[None]:
    redis_client(settings.REDIS_URL).delete(buffer.KEY)
    buffer.breaker.forget()
    yield
    buffer.breaker.forget()


@pytest.fixture
def product() -> Product:
    return ProductFactory.create()


def test_batch_of_a_consenting_user_is_taken_once(product: Product) -> None:
    user = UserFactory.create()
    privacy.choose(user_id=user.pk, consents=True)
    body = {"events": [sent(product), sent(product, type="add")]}

    first = Api(user).post("/api/v1/events", body)
    again = Api(user).post("/api/v1/events", body)

    assert (first.status, first.body) == (202, {"accepted": 2})
    assert (again.status, again.body) == (202, {"accepted": 0})
    actors = set(BehaviourEvent.objects.values_list("actor", flat=True))
    assert actors == {pseudonyms.of_user(user.pk)}


@pytest.mark.parametrize(
    "words",
    [{}, {"consent": False, "visitor_id": str(uuid4())}, {"visitor_id": str(uuid4())}],
)
def test_batch_without_consent_is_taken_and_not_kept(
    product: Product, words: dict[str, Any]
) -> None:
    answer = Api().post("/api/v1/events", {"events": [sent(product)], **words})

    assert (answer.status, answer.body) == (202, {"accepted": 0})
    assert not BehaviourEvent.objects.exists()


def test_user_who_did_not_agree_cannot_be_observed_as_a_visitor(
    product: Product,
) -> None:
    api = Api(UserFactory.create())
    body = {"events": [sent(product)], "consent": True, "visitor_id": str(uuid4())}

    assert api.post("/api/v1/events", body).body == {"accepted": 0}


def test_visitor_says_consent_and_a_random_name(product: Product) -> None:
    name = str(uuid4())
    body = {"events": [sent(product)], "consent": True, "visitor_id": name}

    assert Api().post("/api/v1/events", body).body == {"accepted": 1}
    row = BehaviourEvent.objects.get()
    assert row.actor == pseudonyms.of_visitor(name)
    assert row.actor != UUID(name)


def test_api_of_50_events_is_one_insert(product: Product) -> None:
    user = UserFactory.create()
    privacy.choose(user_id=user.pk, consents=True)
    api = Api(user)
    body = {"events": [sent(product) for _ in range(50)]}

    with CaptureQueriesContext(connection) as queries:
        assert api.post("/api/v1/events", body).body == {"accepted": 50}

    writes = [q["sql"] for q in queries if "INSERT INTO analytics" in q["sql"]]
    assert len(writes) == 1


BAD_EVENTS: list[dict[str, Any]] = [
    {"type": "purchase"},
    {"type": "VIEW"},
    {"id": "1"},
    {"id": 1},
    {"at": "2026-11-21"},
    {"at": "2026-11-21T10:00:00"},
    {"at": "2026-13-21T10:00:00Z"},
    {"at": "0000-01-01T00:00:00Z"},
    {"at": "2026-11-21T10:00:00+99:00"},
    {"product_id": 0},
    {"product_id": None},
    {"source": "<script>"},
    {"session": "x" * 65},
    {"type": "search"},
    {"type": "search", "query": "x" * 101},
]


@pytest.mark.parametrize("bad", BAD_EVENTS)
def test_event_that_makes_no_sense_refuses_the_batch(
    product: Product, bad: dict[str, Any]
) -> None:
    events = [sent(product), sent(product) | bad]
    body = {"events": events, "consent": True, "visitor_id": str(uuid4())}

    answer = Api().post("/api/v1/events", body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert all(place.startswith("#/events/1") for place in answer.pointers)
    assert not BehaviourEvent.objects.exists()


def test_51_events_none_and_the_same_twice_are_refused(product: Product) -> None:
    one = sent(product)
    for events in ([sent(product) for _ in range(51)], [], [one, one]):
        answer = Api().post("/api/v1/events", {"events": events})
        assert (answer.status, answer.code) == (400, "invalid")


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
def test_edge_of_time_is_brought_into_the_last_day(product: Product, at: str) -> None:
    body = {
        "events": [sent(product, at=at)],
        "consent": True,
        "visitor_id": str(uuid4()),
    }

    assert Api().post("/api/v1/events", body).body == {"accepted": 1}


def test_user_reads_and_changes_their_choices() -> None:
    user: User = UserFactory.create()
    api = Api(user)
    assert api.get("/api/v1/privacy").body == {
        "consents": None,
        "wants_recommendations": True,
    }

    wish = {"consents": False, "wants_recommendations": False}

    assert api.put("/api/v1/privacy", wish).body == wish
    assert Privacy.objects.get().user == user
    assert Api().get("/api/v1/privacy").status == 401


def test_kinds_are_the_ones_the_table_knows() -> None:
    assert {kind.value for kind in Behaviour} == {
        *("view", "search", "add", "remove", "purchase", "shown", "click")
    }
