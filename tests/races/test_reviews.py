"""Reviews in a crowd: ratings, second tabs, votes."""

import pytest

from accounts.models import User
from catalog.models import Product
from reviews import services as reviews
from reviews.models import HelpfulVote, Review
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.races import review_mutants as mutants
from tests.races.stage import shoppers
from tests.reviewing import TEXT, delivered, rating_of, written

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 8


def buyers(number: int) -> tuple[Product, list[User]]:
    """Let some shoppers have a product delivered."""
    product = ProductFactory.create(stock_on_hand=number)
    users = shoppers(number)
    for user in users:
        delivered(user, product)
    return product, users


def many_are_published_at_once() -> tuple[str | None, int]:
    """Let staff publish eight reviews of one product at the same moment."""
    product, users = buyers(CROWD)
    written_ones = [
        written(product, user, rating=1 + number % 5)
        for number, user in enumerate(users)
    ]

    results = run_together(
        lambda number: reviews.publish(
            review_id=written_ones[number].pk, actor_id=None
        ),
        times=CROWD,
    )

    assert told(results) == {"ok": CROWD}
    return rating_of(product)


def test_rating_is_right_after_many_were_published_at_once() -> None:
    # 1, 2, 3, 4, 5, 1, 2, 3
    assert many_are_published_at_once() == ("2.63", 8)


def test_mutant_is_caught_rating_without_the_lock() -> None:
    with mutants.rating_without_the_lock(CROWD):
        assert many_are_published_at_once() != ("2.63", 8)


def test_rating_is_right_whoever_publishes_edits_and_takes_back() -> None:
    product, users = buyers(CROWD)
    ones = [written(product, user, rating=4) for user in users]
    for one in ones[::2]:
        reviews.publish(review_id=one.pk, actor_id=None)

    def act(number: int) -> None:
        one = ones[number % CROWD]
        if number < CROWD:
            reviews.publish(review_id=one.pk, actor_id=None)
        elif number < 2 * CROWD:
            reviews.edit(user_id=one.user_id, review_id=one.pk, rating=2)
        elif number % 2:
            reviews.withdraw(user_id=one.user_id, review_id=one.pk)
        else:
            reviews.reject(review_id=one.pk, reason="x", actor_id=None)

    results = run_together(act, times=3 * CROWD)

    # Somebody was too late for one that was taken back; nothing else went wrong.
    assert set(told(results)) <= {"ok", "review_not_found", "invalid_review_step"}
    shown = list(Review.objects.published().values_list("rating", flat=True))
    average, count = rating_of(product)
    assert count == len(shown)
    assert (average is None) == (not shown)


def two_tabs() -> tuple[dict[str, int], int]:
    """Let one buyer send a review from many tabs at the same moment."""
    product, [user] = buyers(1)
    results = run_together(
        lambda number: reviews.write(
            user_id=user.pk, product_id=product.pk, rating=1 + number % 5, text=TEXT
        ),
        times=6,
    )
    return told(results), Review.objects.count()


def test_many_tabs_write_one_review() -> None:
    assert two_tabs() == ({"already_reviewed": 5, "ok": 1}, 1)


def test_mutant_is_caught_several_reviews_of_one_buyer() -> None:
    with mutants.writing_again_and_again(6):
        told_them, count = two_tabs()

    assert told_them != {"already_reviewed": 5, "ok": 1}
    assert count > 1


def a_crowd_votes(times: int) -> tuple[int, int]:
    """Let eight readers vote at once; what is beyond them votes again."""
    product, [author] = buyers(1)
    review = written(product, author)
    reviews.publish(review_id=review.pk, actor_id=None)
    readers = shoppers(CROWD)

    results = run_together(
        lambda number: reviews.vote(
            user_id=readers[number % CROWD].pk, review_id=review.pk
        ),
        times=times,
    )

    assert told(results) == {"ok": times}
    review.refresh_from_db()
    return review.helpful_count, HelpfulVote.objects.count()


def test_every_vote_counts_once() -> None:
    assert a_crowd_votes(2 * CROWD) == (CROWD, CROWD)


def test_mutant_is_caught_votes_without_the_lock() -> None:
    with mutants.voting_without_the_lock(CROWD):
        counted, votes = a_crowd_votes(CROWD)

    # How many a late one still sees is luck; that all are seen cannot be.
    assert counted < votes == CROWD
