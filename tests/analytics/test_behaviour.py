"""What is kept of shoppers: only with consent, under a pseudonym, and not for long."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics import behaviour, buffer, privacy, pseudonyms
from analytics.behaviour import Act
from analytics.models import BehaviourEvent
from analytics.tasks import forget_old_behaviour, write_behaviour
from catalog.models import Product
from common.cache import redis_client
from shop.observing import OBSERVED_COOKIE
from tests.analytics.observing import act, look, sent, visitor
from tests.api.client import Api
from tests.factories import ProductFactory, UserFactory
from tests.notifications.events import event

pytestmark = pytest.mark.django_db
VISITOR = "abcdefghijklmnopqrstuv"


@pytest.fixture(autouse=True)
def _empty_buffer() -> Iterator[None]:
    redis_client(settings.REDIS_URL).delete(buffer.KEY)
    buffer.breaker.forget()
    yield
    buffer.breaker.forget()


@pytest.fixture
def product() -> Product:
    return ProductFactory.create()


@pytest.fixture
def agreed(client: Client) -> Client:
    """Return the browser of a visitor who said yes."""
    client.cookies[OBSERVED_COOKIE] = VISITOR
    return client


def page(product: Product) -> str:
    return f"/p/{product.slug}-{product.pk}/"


def kinds() -> list[tuple[str, int | None]]:
    rows = BehaviourEvent.objects.order_by("kind", "product_id")
    return list(rows.values_list("kind", "product_id"))


# --- Pages ---------------------------------------------------------------------------


def test_page_of_a_consenting_visitor_reaches_the_table_by_the_next_batch(
    agreed: Client, product: Product
) -> None:
    agreed.get(page(product))
    assert not BehaviourEvent.objects.exists()

    write_behaviour()

    row = BehaviourEvent.objects.get(kind="view")
    assert row.actor == pseudonyms.of_visitor(VISITOR)
    assert (row.product_id, row.source) == (product.pk, "product")


def test_page_view_never_writes_to_postgresql(agreed: Client, product: Product) -> None:
    with CaptureQueriesContext(connection) as queries:
        agreed.get(page(product))

    words = {query["sql"].split()[0] for query in queries if query["sql"].strip()}
    assert words <= {"SELECT", "WITH"}


@pytest.mark.parametrize(
    "cookie", [None, "no", "", "yes", "x" * 200, "../../etc/passwd"]
)
def test_without_consent_nothing_is_kept_and_the_page_is_the_same(
    client: Client, product: Product, cookie: str | None
) -> None:
    if cookie is not None:
        client.cookies[OBSERVED_COOKIE] = cookie

    answer = client.get(page(product))
    client.post("/cart/add/", {"product": product.pk, "quantity": 1})
    client.get("/search/?q=lamp")
    write_behaviour()

    assert answer.status_code == 200
    assert product.name in answer.content.decode()
    assert not BehaviourEvent.objects.exists()


def test_shopper_is_observed_by_their_own_consent_and_not_by_the_browser_s(
    agreed: Client, product: Product
) -> None:
    user = UserFactory.create()
    agreed.force_login(user)
    agreed.get(page(product))
    assert behaviour.flush() == 0

    privacy.choose(user_id=user.pk, consents=True)
    agreed.get(page(product))

    assert behaviour.flush() >= 1
    actors = set(BehaviourEvent.objects.values_list("actor", flat=True))
    assert actors == {pseudonyms.of_user(user.pk)}


def test_searching_adding_and_removing_are_noted(
    agreed: Client, product: Product
) -> None:
    agreed.get("/search/?q=  moon   jar ")
    agreed.post("/cart/add/", {"product": product.pk, "quantity": 1})
    agreed.post(f"/cart/{product.pk}/remove/")
    behaviour.flush()

    assert kinds() == [("add", product.pk), ("remove", product.pk), ("search", None)]
    assert BehaviourEvent.objects.get(kind="search").query == "moon jar"


def test_search_for_a_person_is_kept_without_the_words(agreed: Client) -> None:
    agreed.get("/search/?q=kim@example.com")
    agreed.get("/search/?q=010-1234-5678")
    behaviour.flush()

    assert set(BehaviourEvent.objects.values_list("query", flat=True)) == {""}


def test_page_that_refreshes_itself_is_not_a_view(
    agreed: Client, product: Product
) -> None:
    agreed.get(page(product), headers={"HX-Request": "true"})
    agreed.get(page(product), headers={"Sec-Purpose": "prefetch"})

    assert behaviour.flush() == 0


def test_page_fetched_ahead_is_a_view_once_it_is_looked_at(
    agreed: Client, product: Product
) -> None:
    agreed.get(page(product), headers={"Sec-Purpose": "prefetch"})
    looked = f"/products/{product.pk}/looked/"
    agreed.post(looked, headers={"Origin": "http://testserver"})
    behaviour.flush()

    assert BehaviourEvent.objects.get().kind == "view"


# --- Redis ---------------------------------------------------------------------------


def test_without_redis_views_are_lost_and_pages_are_not(
    agreed: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")

    assert agreed.get(page(product)).status_code == 200
    assert behaviour.record_soon([act("view", visitor(), product)]) is False
    assert buffer.breaker.away() == ["redis"]

    monkeypatch.undo()
    assert behaviour.flush() == 0


def test_redis_that_is_away_is_tried_once_and_then_left_alone(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    behaviour.record_soon([act("view", visitor(), product)])
    tries: list[str] = []

    def client(url: str) -> Any:
        tries.append(url)
        raise AssertionError

    monkeypatch.setattr(buffer, "redis_client", client)
    for _ in range(20):
        behaviour.record_soon([act("view", visitor(), product)])

    assert tries == []


def test_buffer_is_bounded_and_drops_the_oldest(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffer, "MOST_WAITING", 3)
    acts = [act("view", visitor(), product) for _ in range(5)]
    for one in acts:
        behaviour.record_soon([one])

    assert behaviour.flush() == 3
    kept = set(BehaviourEvent.objects.values_list("event_id", flat=True))
    assert kept == {one.event_id for one in acts[2:]}


def test_batch_is_one_statement_however_large(product: Product) -> None:
    behaviour.record_soon(act("view", visitor(), product) for _ in range(400))

    with CaptureQueriesContext(connection) as queries:
        assert behaviour.flush() == 400

    own = [query for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(own) == 1


def test_batch_that_the_table_refuses_waits_for_the_next(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_rows: object) -> int:
        raise OperationalError

    behaviour.record_soon(
        [act("view", visitor(), product), act("add", visitor(), product)]
    )
    with monkeypatch.context() as patch:
        patch.setattr(behaviour, "_write", away)
        with pytest.raises(OperationalError):
            behaviour.flush()

    assert behaviour.flush() == 2


# --- What is written -----------------------------------------------------------------


def test_rows_hold_neither_user_id_nor_address(product: Product) -> None:
    user = UserFactory.create(id=987_654_321, email="somebody@example.com")
    privacy.choose(user_id=user.pk, consents=True)
    api = Api(user)
    api.post("/api/v1/events", {"events": [sent(product, session="987654321")]})

    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM analytics_behaviourevent AS e")
        [[row]] = cursor.fetchall()
    for secret in ("987654321", "somebody", "127.0.0.1"):
        assert secret not in row


def test_pseudonym_needs_the_key(settings: Any) -> None:
    before = pseudonyms.of_user(7)
    assert before == pseudonyms.of_user(7)
    assert before != pseudonyms.of_visitor("7")

    settings.SECRET_KEY = "another key"

    assert pseudonyms.of_user(7) != before


def test_times_are_brought_into_the_last_day(product: Product) -> None:
    now = timezone.now()
    for at in (
        datetime(1, 1, 1, tzinfo=UTC),
        now - timedelta(hours=2),
        datetime(9999, 12, 31, tzinfo=UTC),
    ):
        behaviour.record([Act("view", visitor(), at, product.pk)])

    first, second, third = BehaviourEvent.objects.order_by("at")
    assert abs(first.at - (now - timedelta(hours=24))) < timedelta(minutes=5)
    assert second.at == now - timedelta(hours=2)
    assert now <= third.at <= timezone.now()


def test_same_event_counts_once_and_another_actor_cannot_use_it_up(
    product: Product,
) -> None:
    mine = act("view", visitor(1), product)
    theirs = Act("view", visitor(2), mine.at, product.pk, event_id=mine.event_id)

    assert behaviour.record([mine, mine]) == 1
    assert behaviour.record([mine]) == 0
    assert behaviour.record([theirs]) == 1


def test_unknown_and_unpublished_products_are_passed_over(product: Product) -> None:
    hidden = ProductFactory.create(published_at=None)
    acts = [act("view", visitor(), one) for one in (product, hidden)]
    acts.append(Act("view", visitor(), timezone.now(), 2**62))

    assert behaviour.record(acts) == 1


def test_paid_orders_of_consenting_shoppers_are_behaviour_once(
    product: Product,
) -> None:
    willing, silent = UserFactory.create(), UserFactory.create()
    privacy.choose(user_id=willing.pk, consents=True)
    lines = [{"product_id": product.pk}]
    events = [
        event("order.paid", user_id=user_id, lines=lines)
        for user_id in (willing.pk, silent.pk, None)
    ]

    for _ in range(2):
        behaviour.note_purchases(events)

    row = BehaviourEvent.objects.get()
    assert (row.kind, row.actor) == ("purchase", pseudonyms.of_user(willing.pk))


# --- Choices -------------------------------------------------------------------------


def test_taking_the_consent_back_deletes_what_was_kept_and_what_waits(
    product: Product,
) -> None:
    user = UserFactory.create()
    privacy.choose(user_id=user.pk, consents=True)
    actor = pseudonyms.of_user(user.pk)
    look(actor, product)
    look(visitor(), product)
    behaviour.record_soon([act("add", actor, product)])

    privacy.choose(user_id=user.pk, consents=False)
    behaviour.flush()

    assert [row.actor for row in BehaviourEvent.objects.all()] == [visitor()]

    privacy.choose(user_id=user.pk, consents=True)
    behaviour.record_soon([act("add", actor, product)])
    assert behaviour.flush() == 1


def test_choosing_one_thing_leaves_the_other() -> None:
    user = UserFactory.create()
    assert privacy.choices_of(user.pk) == privacy.Choices()

    privacy.choose(user_id=user.pk, wants_recommendations=False)
    privacy.choose(user_id=user.pk, consents=True)

    assert privacy.choices_of(user.pk) == privacy.Choices(
        consents=True, wants_recommendations=False
    )


# --- Forgetting ----------------------------------------------------------------------


def test_after_90_days_behaviour_is_deleted_in_batches(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behaviour, "FORGET_BATCH", 2)
    behaviour.record(act("view", visitor(), product) for _ in range(6))
    ids = list(BehaviourEvent.objects.order_by("pk").values_list("pk", flat=True))
    old = timezone.now() - timedelta(days=90, minutes=1)
    BehaviourEvent.objects.filter(pk__in=ids[:5]).update(at=old)
    BehaviourEvent.objects.filter(pk=ids[5]).update(at=old + timedelta(minutes=10))

    forget_old_behaviour()

    assert [row.pk for row in BehaviourEvent.objects.all()] == [ids[5]]
