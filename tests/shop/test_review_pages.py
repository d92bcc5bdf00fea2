"""Reviews on the product page, and the pages on which they are written."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from catalog.models import Product
from reviews import services as reviews
from reviews.models import HelpfulVote, Review, ReviewReport
from tests.factories import UserFactory
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
from tests.shop.pages import HTMX, body_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def page_of(product: Product) -> str:
    return f"/p/{product.slug}-{product.pk}/"


def form_of(product: Product) -> str:
    return f"/products/{product.pk}/review/"


def send(client: Client, product: Product, *photos: bytes, **given: Any) -> Any:
    body = {"rating": "4", "text": TEXT} | given
    files = {"photos": [upload(photo) for photo in photos]} if photos else {}
    return client.post(form_of(product), body | files, follow=True)


# --- The product page ----------------------------------------------------------------


def test_product_page_shows_reviews_and_what_they_come_to(
    client: Client, moon_jar: Product
) -> None:
    review = published(moon_jar, buyer_of(moon_jar, name="Lee Seo-yeon"), rating=4)
    reviews.answer(review_id=review.pk, text="Glad to hear it.", actor_id=None)
    published(moon_jar, rating=5, text="Even better than on the pictures.")
    written(moon_jar, text="Nobody has read this yet.")

    page = client.get(page_of(moon_jar))

    text = text_of(page)
    assert "4.5 2 reviews" in text
    assert "Lee S." in text
    assert "Bought it here" in text
    assert "Dojang replied" in text
    assert "Glad to hear it." in text
    assert "Even better than on the pictures." in text
    assert "Nobody has read this yet." not in text
    assert 'aria-label="4 stars out of 5"' in body_of(page)
    assert "@example.com" not in body_of(page)


def test_text_of_a_review_is_only_text(client: Client, moon_jar: Product) -> None:
    published(moon_jar, text="<script>alert(1)</script> & <b>bold</b>")

    page = body_of(client.get(page_of(moon_jar)))

    assert "<script>alert(1)" not in page
    assert "&lt;b&gt;bold" in page


def test_first_review_is_asked_for_of_buyers_only(
    client: Client, signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    stranger = signed_in.get(page_of(moon_jar))
    guest = Client().get(page_of(moon_jar))
    received(shopper, moon_jar)
    buyer = signed_in.get(page_of(moon_jar))

    for page in (stranger, guest):
        assert "Be the first" not in text_of(page)
    assert "Be the first" in text_of(buyer)
    assert form_of(moon_jar) in body_of(buyer)


def test_histogram_filters_by_stars_without_scripts(
    client: Client, moon_jar: Product
) -> None:
    published(moon_jar, rating=5, text="All five of the stars.")
    published(moon_jar, rating=1, text="A single star is enough.")

    page = client.get(f"{page_of(moon_jar)}?stars=1")

    assert "A single star is enough." in text_of(page)
    assert "All five of the stars." not in text_of(page)
    assert f'href="{page_of(moon_jar)}?stars=5#reviews"' in body_of(page)
    # The chosen bar leads back to all of them.
    assert f'href="{page_of(moon_jar)}?#reviews"' in body_of(page)


def test_filter_that_nothing_fits_says_so(client: Client, moon_jar: Product) -> None:
    published(moon_jar, rating=5)

    assert "No review is like that." in text_of(
        client.get(f"{page_of(moon_jar)}?stars=2&photos=1")
    )


@pytest.mark.parametrize(
    "query",
    ["stars=9", "stars=x", "sort=best", "after=x", "after=1-2-3", f"after={'9' * 40}"],
)
def test_odd_questions_show_all_of_them(
    client: Client, moon_jar: Product, query: str
) -> None:
    published(moon_jar)

    assert TEXT in text_of(client.get(f"{page_of(moon_jar)}?{query}"))


@pytest.mark.parametrize("sort", ["helpful", "newest", "highest", "lowest"])
def test_more_reviews_follow_on_the_next_page(
    client: Client, moon_jar: Product, sort: str
) -> None:
    texts = {f"Review of number {number:02}" for number in range(10)}
    for number, text in enumerate(sorted(texts)):
        published(moon_jar, rating=1 + number % 5, text=text)

    seen, query = [], f"?sort={sort}"
    while query:
        page = client.get(page_of(moon_jar) + query)
        seen += [text for text in texts if text in text_of(page)]
        query = page.context["reviews_next"]

    assert len(seen) == len(texts)
    assert set(seen) == texts


def test_htmx_gets_the_reviews_alone(client: Client, moon_jar: Product) -> None:
    published(moon_jar, rating=5)
    path = f"/products/{moon_jar.pk}/reviews/?stars=5"

    fragment = client.get(path, headers=HTMX)
    plain = client.get(path)

    assert "<html" not in body_of(fragment)
    assert TEXT in text_of(fragment)
    assert fragment["HX-Push-Url"] == f"{page_of(moon_jar)}?stars=5"
    assert plain.status_code == 303
    assert plain["Location"] == f"{page_of(moon_jar)}?stars=5#reviews"


def test_reviews_cost_few_statements(
    client: Client,
    signed_in: Client,
    shopper: User,
    moon_jar: Product,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    path = f"/products/{moon_jar.pk}/reviews/"
    for _ in range(3):
        published(moon_jar)
    guest = Client()
    guest.get(path, headers=HTMX)
    signed_in.get(path, headers=HTMX)

    # The product, reviews with authors and votes, their photos.
    with django_assert_num_queries(3):
        guest.get(path, headers=HTMX)
    # And who it is (session, user), and their own review or whether they bought it.
    with django_assert_num_queries(6):
        signed_in.get(path, headers=HTMX)


def test_whole_page_stays_within_twelve_statements(
    signed_in: Client,
    shopper: User,
    moon_jar: Product,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    published(moon_jar)
    guest = Client()
    guest.get(page_of(moon_jar))

    with django_assert_max_num_queries(12):
        guest.get(page_of(moon_jar))


# --- Votes and reports ---------------------------------------------------------------


def test_reader_votes_and_takes_it_back(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    review = published(moon_jar)
    path = f"/reviews/{review.pk}/helpful/"

    voted = signed_in.post(path, {"vote": "yes"})
    assert voted.status_code == 303
    assert voted["Location"] == f"{page_of(moon_jar)}#reviews"
    assert HelpfulVote.objects.get().user == shopper

    fragment = signed_in.post(path, {"vote": "no"}, headers=HTMX)
    assert 'aria-pressed="false"' in body_of(fragment)
    assert not HelpfulVote.objects.exists()


def test_guest_is_asked_to_sign_in_to_vote(client: Client, moon_jar: Product) -> None:
    path = f"/reviews/{published(moon_jar).pk}/helpful/"

    assert client.post(path).status_code == 302
    assert "login" in client.post(path, headers=HTMX)["HX-Redirect"]
    assert not HelpfulVote.objects.exists()


def test_own_review_has_no_button_and_takes_no_vote(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    received(shopper, moon_jar)
    review = published(moon_jar, shopper)

    page = signed_in.get(page_of(moon_jar))
    refused = signed_in.post(f"/reviews/{review.pk}/helpful/", follow=True)

    assert f"/reviews/{review.pk}/helpful/" not in body_of(page)
    assert "This review is your own." in text_of(refused)
    assert not HelpfulVote.objects.exists()


def test_reader_reports_a_review(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    review = published(moon_jar)
    path = f"/reviews/{review.pk}/report/"

    assert "It is advertising" in text_of(signed_in.get(path))
    assert signed_in.post(path, {"reason": "boring"}).status_code == 200
    assert not ReviewReport.objects.exists()
    page = signed_in.post(path, {"reason": "spam"}, follow=True)

    assert "We will look at it." in text_of(page)
    assert ReviewReport.objects.get().user == shopper


def test_what_is_not_published_cannot_be_reached(
    signed_in: Client, moon_jar: Product
) -> None:
    review = written(moon_jar)

    assert signed_in.get(f"/reviews/{review.pk}/report/").status_code == 404
    assert signed_in.post(f"/reviews/{review.pk}/helpful/").status_code == 404


# --- Writing -------------------------------------------------------------------------


def test_buyer_writes_with_photos_and_sees_where_it_stands(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    received(shopper, moon_jar)
    assert "Moon jar" in text_of(signed_in.get(form_of(moon_jar)))

    page = send(signed_in, moon_jar, image(), image("PNG"))

    review = Review.objects.get()
    assert (review.rating, review.text, review.photos.count()) == (4, TEXT, 2)
    assert page.redirect_chain[-1][0] == "/account/reviews/"
    assert "We read your review before others do." in text_of(page)
    assert "Waiting for approval" in text_of(page)


def test_buyer_changes_stars_and_photos(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    received(shopper, moon_jar)
    send(signed_in, moon_jar, image())
    review = Review.objects.get()
    reviews.publish(review_id=review.pk, actor_id=None)
    form = body_of(signed_in.get(form_of(moon_jar)))
    assert 'value="4" required checked' in form
    assert TEXT in form

    photo = str(review.photos.get().pk)
    send(signed_in, moon_jar, rating="2", without_photos=[photo])

    review.refresh_from_db()
    assert (review.rating, review.state, review.photos.count()) == (2, "pending", 0)
    assert rating_of(moon_jar) == (None, 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rating": ""}, "This field is required"),
        ({"rating": "6"}, "Select a valid choice"),
        ({"text": "short"}, "at least 10 characters"),
    ],
)
def test_mistakes_are_told_and_the_words_kept(
    signed_in: Client,
    shopper: User,
    moon_jar: Product,
    given: dict[str, str],
    words: str,
) -> None:
    received(shopper, moon_jar)

    page = send(signed_in, moon_jar, **given)

    assert words in text_of(page)
    assert given.get("text", TEXT) in body_of(page)
    assert not Review.objects.exists()


def test_file_that_is_no_picture_is_told(
    signed_in: Client, shopper: User, moon_jar: Product, media: Path
) -> None:
    received(shopper, moon_jar)

    page = send(signed_in, moon_jar, image(), b"not a picture at all")

    assert "This is not a JPEG, PNG or WebP picture" in text_of(page)
    assert not Review.objects.exists()
    assert not list(media.rglob("*.webp"))


def test_stranger_to_the_product_gets_no_form(
    signed_in: Client, moon_jar: Product
) -> None:
    page = signed_in.get(form_of(moon_jar))
    sent = send(signed_in, moon_jar)

    for answer in (page, sent):
        assert "once an order with it was delivered" in text_of(answer)
        assert 'name="rating"' not in body_of(answer)
    assert not Review.objects.exists()


def test_guest_signs_in_first(client: Client, moon_jar: Product) -> None:
    answer = client.get(form_of(moon_jar))

    assert answer.status_code == 302
    assert "login" in answer.headers["Location"]


def test_rejected_review_says_why_to_its_author_alone(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    received(shopper, moon_jar)
    review = written(moon_jar, shopper)
    reviews.reject(review_id=review.pk, reason="About the courier", actor_id=None)

    for path in (page_of(moon_jar), form_of(moon_jar), "/account/reviews/"):
        assert "About the courier" in text_of(signed_in.get(path))
    assert "About the courier" not in text_of(Client().get(page_of(moon_jar)))


def test_review_is_deleted_after_a_question(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    received(shopper, moon_jar)
    review = published(moon_jar, shopper)
    path = f"/account/reviews/{review.pk}/withdraw/"

    assert "will be gone" in text_of(signed_in.get(path))
    assert rating_of(moon_jar) == ("5.00", 1)
    signed_in.post(path)

    assert rating_of(moon_jar) == (None, 0)
    assert signed_in.get(path).status_code == 404


def test_others_reviews_cannot_be_deleted(signed_in: Client, moon_jar: Product) -> None:
    path = f"/account/reviews/{published(moon_jar).pk}/withdraw/"

    assert signed_in.post(path).status_code == 404
    assert rating_of(moon_jar) == ("5.00", 1)


# --- The account ---------------------------------------------------------------------


def test_account_lists_what_waits_for_a_review(
    signed_in: Client, shopper: User, moon_jar: Product
) -> None:
    assert "You can review what was delivered to you." in text_of(
        signed_in.get("/account/reviews/")
    )
    order = received(shopper, moon_jar)
    received(UserFactory.create(), moon_jar)

    page = signed_in.get("/account/reviews/")
    opened = signed_in.get(f"/orders/{order.number}/")

    assert "How do you like it?" in text_of(page)
    for answer in (page, opened):
        assert form_of(moon_jar) in body_of(answer)
    send(signed_in, moon_jar)
    assert "How do you like it?" not in text_of(signed_in.get("/account/reviews/"))
