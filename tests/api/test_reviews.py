"""Reviews by API: reading them, writing one's own, photos, votes, reports."""

from pathlib import Path

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from pytest_django import Settings

from accounts.models import User
from catalog.models import Product
from common import uploads
from reviews import services as reviews
from reviews.models import Review, ReviewReport, ReviewState
from tests.api.client import Answer, Api
from tests.factories import ProductFactory, UserFactory
from tests.reviewing import (
    TEXT,
    buyer_of,
    image,
    published,
    rating_of,
    received,
    upload,
    written,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(name="Moon jar")


def path_of(product: Product) -> str:
    return f"/api/v1/products/{product.pk}/reviews"


def send_photos(api: Api, review: Review, *contents: bytes) -> Answer:
    body = encode_multipart(BOUNDARY, {"photos": [upload(one) for one in contents]})
    path = f"/api/v1/reviews/{review.pk}/photos"
    return api.send("POST", path, body, content_type=MULTIPART_CONTENT)


# --- Reading -------------------------------------------------------------------------


def test_guest_reads_what_is_published_and_how_it_is_rated(
    guest: Api, jar: Product
) -> None:
    review = published(jar, buyer_of(jar, name="Kim Min-ji"), rating=4)
    reviews.answer(review_id=review.pk, text="Thank you!", actor_id=None)
    published(jar, rating=1)
    written(jar)

    answer = guest.get(f"{path_of(jar)}?sort=highest")

    first, second = answer.body["items"]
    assert (first["id"], first["rating"], first["text"]) == (review.pk, 4, TEXT)
    assert (first["author"], first["is_verified"]) == ("Kim M.", True)
    assert first["reply"]["text"] == "Thank you!"
    assert second["rating"] == 1
    assert answer.body["rating"] == {
        "average": 2.5,
        "count": 2,
        "histogram": {"5": 0, "4": 1, "3": 0, "2": 0, "1": 1},
    }
    assert answer.header("Cache-Control") == "public, max-age=60"
    assert "@" not in str(answer.body)


def test_blocked_author_is_nobody_in_particular(guest: Api, jar: Product) -> None:
    review = published(jar)
    User.objects.filter(pk=review.user_id).update(is_active=False)

    answer = guest.get(path_of(jar))

    assert answer.body["items"][0]["author"] == "A buyer"
    assert answer.body["rating"]["count"] == 1


@pytest.mark.parametrize("sort", ["newest", "helpful", "highest", "lowest"])
def test_pages_of_every_order_hold_each_review_once(
    guest: Api, jar: Product, sort: str
) -> None:
    ratings = (3, 5, 5, 1, 3, 4, 1)
    given = [published(jar, rating=rating) for rating in ratings]
    for number in (1, 4):
        reviews.vote(user_id=UserFactory.create().pk, review_id=given[number].pk)
    keys = {
        "newest": lambda one: -one.pk,
        "helpful": lambda one: (-one.helpful_count, -one.pk),
        "highest": lambda one: (-one.rating, -one.pk),
        "lowest": lambda one: (one.rating, -one.pk),
    }
    wanted = [one.pk for one in sorted(Review.objects.all(), key=keys[sort])]

    seen, path = [], f"{path_of(jar)}?limit=2&sort={sort}"
    while path:
        answer = guest.get(path)
        seen += [item["id"] for item in answer.body["items"]]
        path = answer.body["next"]

    assert seen == wanted


def test_list_is_filtered_by_stars_and_by_photos(
    guest: Api, api: Api, user: User, jar: Product
) -> None:
    received(user, jar)
    shown, _other = published(jar, user, rating=5), published(jar, rating=4)
    send_photos(api, shown, image())
    reviews.publish(review_id=shown.pk, actor_id=None)

    for query in ("stars=5", "photos=true"):
        answer = guest.get(f"{path_of(jar)}?{query}")
        assert [item["id"] for item in answer.body["items"]] == [shown.pk]
        # The histogram is of all, or it would be no use as a filter.
        assert answer.body["rating"]["count"] == 2


@pytest.mark.parametrize(
    "query", ["stars=0", "stars=6", "sort=best", "limit=0", "cursor=x", "photos=maybe"]
)
def test_odd_questions_are_refused(guest: Api, jar: Product, query: str) -> None:
    assert guest.get(f"{path_of(jar)}?{query}").status == 400


def test_cursor_of_another_order_is_refused(guest: Api, jar: Product) -> None:
    for _ in range(2):
        published(jar)
    following = guest.get(f"{path_of(jar)}?limit=1&sort=helpful").body["next"]

    answer = guest.get(following.replace("sort=helpful", "sort=highest"))

    assert (answer.status, answer.code) == (400, "cursor_invalid")


def test_product_that_is_not_on_sale_has_none(guest: Api, jar: Product) -> None:
    Product.objects.filter(pk=jar.pk).update(published_at=None)

    answer = guest.get(path_of(jar))

    assert (answer.status, answer.code) == (404, "product_not_found")


# --- Writing -------------------------------------------------------------------------


def test_buyer_writes_changes_and_takes_back(
    api: Api, user: User, jar: Product
) -> None:
    received(user, jar)

    made = api.post(path_of(jar), {"rating": 4, "text": TEXT})
    assert made.status == 201
    assert (made.body["state"], made.body["rating"]) == ("pending", 4)
    own = made.header("Location")
    assert own == f"/api/v1/reviews/{made.body['id']}"

    changed = api.patch(own, {"rating": 2})
    assert (changed.body["rating"], changed.body["text"]) == (2, TEXT)
    assert api.get(own).body == changed.body
    assert api.get("/api/v1/reviews").body["items"] == [changed.body]

    assert [api.delete(own).status for _ in range(2)] == [204, 204]
    assert api.get(own).status == 404
    assert api.get("/api/v1/reviews").body["items"] == []
    assert Review.objects.get().state == ReviewState.WITHDRAWN


def test_same_key_writes_one_review(api: Api, user: User, jar: Product) -> None:
    received(user, jar)
    body = {"rating": 4, "text": TEXT}

    first, again = (
        api.post(path_of(jar), body, Idempotency_Key="once") for _ in range(2)
    )

    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.header("Idempotency-Replayed") == "true"
    second = api.post(path_of(jar), body)
    assert (second.status, second.code) == (409, "already_reviewed")
    assert second.body["review_id"] == first.body["id"]
    assert Review.objects.count() == 1


def test_only_buyers_write(api: Api, guest: Api, jar: Product) -> None:
    body = {"rating": 4, "text": TEXT}

    refused = api.post(path_of(jar), body)

    assert (refused.status, refused.code) == (403, "not_a_buyer")
    assert guest.post(path_of(jar), body).status == 401
    assert not Review.objects.exists()


def test_mistakes_are_pointed_at(api: Api, user: User, jar: Product) -> None:
    received(user, jar)

    answer = api.post(path_of(jar), {"rating": 6, "text": "short"})

    assert (answer.status, answer.pointers) == (400, ["#/rating", "#/text"])
    assert not Review.objects.exists()


def test_others_reviews_are_nobodys(api: Api, jar: Product) -> None:
    review = published(jar)
    own = f"/api/v1/reviews/{review.pk}"

    answers = [
        api.get(own),
        api.patch(own, {"rating": 1}),
        api.delete(own),
        api.delete(f"{own}/photos/1"),
        send_photos(api, review, image()),
    ]

    assert {answer.status for answer in answers} == {404}
    assert {answer.code for answer in answers} == {"review_not_found"}
    assert rating_of(jar) == ("5.00", 1)


def test_edited_review_counts_no_longer_until_it_is_read(
    api: Api, user: User, jar: Product
) -> None:
    received(user, jar)
    review = published(jar, user)

    api.patch(f"/api/v1/reviews/{review.pk}", {"text": "Now I think otherwise."})

    assert rating_of(jar) == (None, 0)


# --- Votes and reports ---------------------------------------------------------------


def test_reader_votes_and_takes_the_vote_back(api: Api, jar: Product) -> None:
    path = f"/api/v1/reviews/{published(jar).pk}/helpful"

    votes = [api.post(path).body["helpful"] for _ in range(2)]
    after = api.delete(path).body

    assert votes == [1, 1]
    assert (after["helpful"], after["is_helpful"]) == (0, False)


def test_nobody_votes_for_their_own(api: Api, user: User, jar: Product) -> None:
    received(user, jar)
    own = f"/api/v1/reviews/{published(jar, user).pk}"

    answers = [
        api.post(f"{own}/helpful"),
        api.post(f"{own}/report", {"reason": "spam"}),
    ]

    assert [(answer.status, answer.code) for answer in answers] == [
        (409, "own_review"),
        (409, "own_review"),
    ]


def test_reader_reports_once(api: Api, jar: Product) -> None:
    review = published(jar)
    path = f"/api/v1/reviews/{review.pk}/report"

    answers = [api.post(path, {"reason": reason}) for reason in ("spam", "other")]

    assert [answer.status for answer in answers] == [204, 204]
    assert ReviewReport.objects.get().reason == "spam"
    assert api.post(path, {"reason": "boring"}).pointers == ["#/reason"]


# --- Photos --------------------------------------------------------------------------


def test_photos_are_added_shown_and_removed(
    api: Api, user: User, jar: Product, media: Path
) -> None:
    received(user, jar)
    review = published(jar, user)

    answer = send_photos(api, review, image(), image("PNG"))

    assert answer.status == 201
    assert answer.body["state"] == "pending"
    first, _second = answer.body["photos"]
    assert (first["width"], first["height"]) == (64, 48)
    assert first["url"].startswith("/media/reviews/")
    assert len(list(media.rglob("*.webp"))) == 4
    gone = api.delete(f"/api/v1/reviews/{review.pk}/photos/{first['id']}")
    assert gone.status == 204
    assert review.photos.count() == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"GIF89a not really", "photo_not_a_picture"),
        (b"", "photo_not_a_picture"),
        (image("GIF"), "photo_not_a_picture"),
        (b"\xff" * (5 * 1024 * 1024 + 1), "photo_too_large"),
    ],
)
def test_bad_file_is_refused_and_nothing_kept(
    api: Api, user: User, jar: Product, media: Path, content: bytes, code: str
) -> None:
    received(user, jar)
    review = published(jar, user)

    answer = send_photos(api, review, image(), content)

    assert (answer.status, answer.code) == (400, code)
    assert not review.photos.exists()
    assert not list(media.rglob("*.webp"))
    assert rating_of(jar) == ("5.00", 1)


def test_sixth_photo_is_refused(
    api: Api, user: User, jar: Product, media: Path
) -> None:
    received(user, jar)
    review = written(jar, user)
    assert send_photos(api, review, *[image()] * 3).status == 201

    answer = send_photos(api, review, *[image()] * 3)

    assert (answer.status, answer.code) == (409, "too_many_photos")
    assert review.photos.count() == 3
    assert len(list(media.rglob("*.webp"))) == 6


def test_body_without_a_file_is_refused(api: Api, user: User, jar: Product) -> None:
    received(user, jar)
    review = written(jar, user)

    empty = send_photos(api, review)
    as_json = api.post(f"/api/v1/reviews/{review.pk}/photos", {"photos": []})

    assert (empty.status, empty.pointers) == (400, ["#/photos"])
    assert (as_json.status, as_json.code) == (415, "unsupported_media_type")


def test_upload_ends_where_it_is_too_large(
    api: Api, user: User, jar: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    received(user, jar)
    review = written(jar, user)
    monkeypatch.setattr(uploads, "MAX_BYTES", 10_000)

    answer = send_photos(api, review, b"x" * 20_000)

    assert (answer.status, answer.code) == (413, "body_too_large")
