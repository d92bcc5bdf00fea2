"""Pitfall 53: averages that drift, several reviews of one person, review bombing."""

from decimal import ROUND_HALF_UP, Decimal
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.errors import DomainError
from reviews import services as reviews
from reviews.errors import AlreadyReviewed, NotABuyer
from reviews.models import ReportReason, Review
from tests.factories import ProductFactory, UserFactory
from tests.reviewing import TEXT, buyer_of, published, rating_of, received, written

pytestmark = pytest.mark.django_db(transaction=True)


def test_pitfall_53_average_never_drifts() -> None:
    product, rng = ProductFactory.create(), Random(53)
    authors = [buyer_of(product) for _ in range(6)]

    for _ in range(80):
        author = rng.choice(authors)
        own = Review.objects.filter(user=author).first()
        step = rng.choice(["write", "edit", "publish", "reject", "withdraw"])
        try:
            if step == "write":
                written(product, author, rating=rng.randint(1, 5))
            elif own is None:
                continue
            elif step == "edit":
                reviews.edit(
                    user_id=author.pk, review_id=own.pk, rating=rng.randint(1, 5)
                )
            elif step == "publish":
                reviews.publish(review_id=own.pk, actor_id=None)
            elif step == "reject":
                reviews.reject(review_id=own.pk, reason="x", actor_id=None)
            else:
                reviews.withdraw(user_id=author.pk, review_id=own.pk)
        except DomainError:
            pass

        ratings = [review.rating for review in Review.objects.published()]
        exact = Decimal(sum(ratings)) / len(ratings) if ratings else None
        average = exact and exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
        shown = None if average is None else str(average)
        assert rating_of(product) == (shown, len(ratings))


def test_pitfall_53_average_is_worked_out_under_the_products_lock() -> None:
    product = ProductFactory.create()
    review = written(product)

    with CaptureQueriesContext(connection) as queries:
        reviews.publish(review_id=review.pk, actor_id=None)

    statements = [query["sql"] for query in queries]
    kinds = [
        next(
            index
            for index, sql in enumerate(statements)
            if all(w in sql for w in words)
        )
        for words in (
            ('FROM "catalog_product"', "FOR NO KEY UPDATE"),
            ('FROM "reviews_review"', "FOR NO KEY UPDATE"),
            ('UPDATE "reviews_review"', "published"),
            ("SUM(", '"reviews_review"'),
            ('UPDATE "catalog_product"', "rating_average"),
        )
    ]
    assert kinds == sorted(kinds)


def test_pitfall_53_many_orders_are_still_one_review() -> None:
    product = ProductFactory.create()
    buyer = buyer_of(product)
    for _ in range(3):
        received(buyer, product)
    published(product, buyer, rating=1)

    for _ in range(3):
        with pytest.raises(AlreadyReviewed):
            written(product, buyer, rating=1)

    assert rating_of(product) == ("1.00", 1)


def test_pitfall_53_bombers_without_an_order_do_not_get_in() -> None:
    product = ProductFactory.create()
    published(product, rating=5)

    for bomber in UserFactory.create_batch(10):
        with pytest.raises(NotABuyer):
            reviews.write(user_id=bomber.pk, product_id=product.pk, rating=1, text=TEXT)

    assert rating_of(product) == ("5.00", 1)
    assert Review.objects.count() == 1


def test_pitfall_53_bombers_with_an_order_wait_for_staff() -> None:
    product = ProductFactory.create()
    published(product, rating=5)

    for _ in range(10):
        written(product, rating=1)

    assert rating_of(product) == ("5.00", 1)


def test_pitfall_53_reports_alone_silence_nobody() -> None:
    product = ProductFactory.create()
    review = published(product, rating=1)

    for reader in UserFactory.create_batch(10):
        reviews.report(
            user_id=reader.pk, review_id=review.pk, reason=ReportReason.OFFENSIVE
        )

    assert rating_of(product) == ("1.00", 1)
