"""The queue of reviews in the admin."""

from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from catalog.models import Product
from reviews import pictures
from reviews import services as reviews
from reviews.models import ReportReason, Review
from tests.admin.acting import act, told
from tests.factories import ProductFactory, UserFactory
from tests.reviewing import TEXT, buyer_of, image, published, rating_of, upload, written

pytestmark = pytest.mark.django_db
QUEUE = "/admin/reviews/review/"


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(name="Moon jar")


def listed(client: Client, **query: str) -> list[Review]:
    return list(client.get(QUEUE, query).context["cl"].result_list)


def test_many_are_published_at_once(boss: User, client: Client, jar: Product) -> None:
    waiting = [written(jar, rating=rating) for rating in (5, 2)]

    response = act(client, QUEUE, "publish", *(review.pk for review in waiting))

    assert told(response) == ["Publish: 2 done."]
    assert rating_of(jar) == ("3.50", 2)
    assert {review.decided_by for review in Review.objects.all()} == {boss}
    assert LogEntry.objects.filter(user=boss).count() == 2


def test_rejecting_asks_for_the_reason(
    boss: User, client: Client, jar: Product
) -> None:
    review = published(jar)

    assert act(client, QUEUE, "reject", review.pk).status_code == 200
    assert rating_of(jar) == ("5.00", 1)
    act(client, QUEUE, "reject", review.pk, reason="Advertising")

    review.refresh_from_db()
    assert (review.state, review.reason) == ("rejected", "Advertising")
    assert rating_of(jar) == (None, 0)


def test_shop_replies(boss: User, client: Client, jar: Product) -> None:
    review = published(jar)

    act(client, QUEUE, "answer", review.pk, text="Thank you!")

    review.refresh_from_db()
    assert (review.answer, review.answered_by) == ("Thank you!", boss)


def test_what_was_edited_since_it_was_shown_is_not_published(
    boss: User, client: Client, jar: Product
) -> None:
    review = written(jar)
    page = client.get(QUEUE).content.decode()
    assert f'name="seen-{review.pk}" value="1"' in page
    reviews.edit(user_id=review.user_id, review_id=review.pk, text="Something else.")

    response = act(client, QUEUE, "publish", review.pk, **{f"seen-{review.pk}": "1"})

    assert "edited meanwhile" in told(response)[0]
    assert rating_of(jar) == (None, 0)
    opened = client.get(f"{QUEUE}{review.pk}/change/").content.decode()
    assert f'name="seen-{review.pk}" value="2"' in opened


def test_queue_is_filtered(boss: User, client: Client, jar: Product) -> None:
    fine, poor, waiting = published(jar), published(jar, rating=2), written(jar)
    reviews.report(
        user_id=UserFactory.create().pk, review_id=fine.pk, reason=ReportReason.SPAM
    )

    assert listed(client, queue="open") == [waiting, fine]
    assert listed(client, queue="reported") == [fine]
    assert listed(client, stars="poor") == [poor]
    assert listed(client, stars="2") == [poor]
    assert listed(client, state__exact="pending") == [waiting]


def test_photos_can_be_seen(
    boss: User, client: Client, jar: Product, tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    author = buyer_of(jar)
    review = reviews.write(
        user_id=author.pk,
        product_id=jar.pk,
        rating=5,
        text=TEXT,
        photos=pictures.read([upload(image())]),
    )
    small = pictures.url(pictures.small_name(str(review.photos.get().image)))

    for path in (QUEUE, f"{QUEUE}{review.pk}/change/"):
        assert f'<img src="{small}"' in client.get(path).content.decode()


def test_who_may_only_look_decides_nothing(client: Client, jar: Product) -> None:
    clerk = UserFactory.create(is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_review"))
    client.force_login(clerk)
    review = written(jar)

    assert client.get(QUEUE).status_code == 200
    act(client, QUEUE, "publish", review.pk)

    review.refresh_from_db()
    assert review.state == "pending"
    assert rating_of(jar) == (None, 0)
