"""The report of searches in vain, popularity, and the words of the catalogue."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog import fruitless, tasks, wordlists
from catalog.models import FruitlessSearch, Popularity, SynonymGroup
from catalog.search import Asked, find, suggest
from catalog.services import set_popularity
from tests.factories import CategoryFactory, ProductFactory, StaffFactory

pytestmark = pytest.mark.django_db


def report() -> list[tuple[str, int, str]]:
    tasks.store_fruitless_searches()
    rows = FruitlessSearch.objects.order_by("text")
    return list(rows.values_list("text", "times", "corrected_to"))


def test_searches_in_vain_are_counted_with_what_helped() -> None:
    ProductFactory.create(name="Lamp")
    for text in ("lmap", "LMAP ", "sofa", "lamp"):
        find(Asked(text=text))
    find(Asked(text="sofa", offset=24))
    find(Asked(text="sofa", may_correct=False))

    assert report() == [("lmap", 2, "lamp"), ("sofa", 1, "")]
    cache.clear()
    find(Asked(text="sofa"))
    assert report() == [("lmap", 2, "lamp"), ("sofa", 2, "")]
    assert report() == [("lmap", 2, "lamp"), ("sofa", 2, "")]


def test_filters_that_leave_nothing_are_no_search_in_vain() -> None:
    ProductFactory.create(name="Lamp", price=500)

    find(Asked(text="lamp", price_max=100))

    assert report() == []


@pytest.mark.parametrize(
    "text", ["kim@example.com", "010-1234-5678", "4242 4242 4242 4242", "order 1234567"]
)
def test_what_may_be_personal_is_not_kept(text: str) -> None:
    find(Asked(text=text))

    assert report() == []


def test_counting_writes_nothing_while_searching() -> None:
    find(Asked(text="sofa"))
    with CaptureQueriesContext(connection) as statements:
        find(Asked(text="sofa"))

    assert not [one for one in statements if "fruitless" in one["sql"]]


def test_a_flood_of_nonsense_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.fruitless.MOST_TEXTS", 3)
    for number in range(6):
        fruitless.note(f"nonsense{number}", corrected_to="")
    fruitless.note("nonsense0", corrected_to="")

    assert [times for _, times, _ in report()] == [2, 1, 1]


def test_what_nobody_types_any_more_is_forgotten() -> None:
    old = timezone.now() - timedelta(days=91)
    FruitlessSearch.objects.create(text="fax", times=9, last_at=old)
    FruitlessSearch.objects.create(text="sofa", times=1, last_at=timezone.now())

    assert report() == [("sofa", 1, "")]


def test_staff_see_the_report_and_answer_with_synonyms(client: Client) -> None:
    client.force_login(StaffFactory.create())
    FruitlessSearch.objects.create(text="couch", times=3, last_at=timezone.now())

    page = client.get("/admin/catalog/fruitlesssearch/").content.decode()
    add = "/admin/catalog/synonymgroup/add/"
    assert f'href="{add}?words=couch"' in page
    assert b'value="couch"' in client.get(f"{add}?words=couch").content
    refused = client.post(add, {"words": "couch"})
    assert refused.status_code == 200
    client.post(add, {"words": "Couch,  SOFA "})

    assert SynonymGroup.objects.get().words == ["couch", "sofa"]
    assert client.get("/admin/catalog/synonymgroup/?q=sofa").status_code == 200


def test_popularity_is_replaced_whole_and_only_where_it_changed() -> None:
    first, second, third = (product.pk for product in ProductFactory.create_batch(3))

    assert set_popularity({first: 1.5, second: 2.0, 10**9: 5.0, third: 0.0}) == 2
    assert set_popularity({first: 1.5, second: 3.0}) == 1
    assert set_popularity({second: 3.0, third: float("nan")}) == 1

    assert list(Popularity.objects.values_list("product", "score")) == [(second, 3.0)]


def test_words_are_read_anew_when_the_cache_is_gone() -> None:
    CategoryFactory.create(name="Seating")
    ProductFactory.create(name="Oak lamp", options={"colour": "Celadon"})
    known = wordlists.vocabulary()
    assert all(map(known.knows, ("oak", "lamp", "celadon", "seating", "last")))

    ProductFactory.create(name="Zither")
    with CaptureQueriesContext(connection) as statements:
        assert wordlists.vocabulary() is known
    assert len(statements) == 0

    cache.clear()
    assert wordlists.vocabulary().knows("zither")


def test_nobody_waits_for_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    ProductFactory.create(name="Zither")
    asked: list[Callable[[], object]] = []
    monkeypatch.setattr("catalog.wordlists.start", asked.append)
    monkeypatch.setattr("catalog.wordlists._held", None)

    # A vain search is answered as such, and one of them has the words read.
    for _ in range(2):
        assert find(Asked(text="zihter")).correction is None
        assert suggest("zit").queries == ()
    assert len(asked) == 1

    asked[0]()
    assert find(Asked(text="zihter")).correction is not None
    assert [each.text for each in suggest("zit").queries] == ["zither"]


@pytest.mark.django_db(transaction=True)
def test_a_thread_reads_the_words_and_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ProductFactory.create(name="Zither")
    monkeypatch.setattr("catalog.wordlists._held", None)
    done: list[object] = []

    def build() -> None:
        done.append(wordlists.refresh_vocabulary())

    wordlists._in_a_thread(build)
    for thread in threading.enumerate():
        if thread.name == "vocabulary":
            thread.join(60)

    assert len(done) == 1
    assert wordlists.vocabulary().knows("zither")


def test_the_clock_keeps_the_words_fresh_for_every_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ProductFactory.create(name="Zither")
    tasks.refresh_vocabulary()
    # As in a process that has just begun.
    monkeypatch.setattr("catalog.wordlists._held", None)

    with CaptureQueriesContext(connection) as statements:
        assert wordlists.vocabulary().knows("zither")
    assert len(statements) == 0
