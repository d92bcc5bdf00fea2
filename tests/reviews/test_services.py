"""Who may say what, who reads it first, and what a product's rating makes of it."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError, ProgrammingError

from accounts.models import User
from catalog.errors import ProductNotFound
from catalog.models import Product
from checkout import services as checkout
from common.errors import DomainError
from outbox.models import Event
from reviews import services as reviews
from reviews.errors import (
    AlreadyReviewed,
    InvalidReviewStep,
    NotABuyer,
    OwnReview,
    ReviewChanged,
    ReviewInvalid,
    ReviewNotFound,
)
from reviews.models import (
    NEXT_STATES,
    HelpfulVote,
    ReportReason,
    Review,
    ReviewReport,
    ReviewState,
)
from tests.factories import ProductFactory, StaffFactory, UserFactory
from tests.reviewing import (
    TEXT,
    buyer_of,
    ordered,
    published,
    rating_of,
    received,
    written,
)

pytestmark = pytest.mark.django_db


def everything() -> list[Any]:
    """Return all that a refused action must leave as it is."""
    tables = (Review, HelpfulVote, ReviewReport)
    rows = [list(table._default_manager.order_by("pk").values()) for table in tables]
    ratings = Product.objects.order_by("pk").values_list("rating_average", "version")
    return [*rows, list(ratings), Event.objects.count()]


def refused(kind: type[DomainError], action: Any, **given: Any) -> None:
    before = everything()
    with pytest.raises(kind):
        action(**given)
    assert everything() == before


def write(user: User, product: Product, **given: Any) -> Review:
    wish: dict[str, Any] = {"rating": 4, "text": TEXT} | given
    return reviews.write(user_id=user.pk, product_id=product.pk, **wish)


# --- Writing -------------------------------------------------------------------------


def test_buyers_review_waits_for_staff(jar: Product, buyer: User) -> None:
    review = write(buyer, jar, text=f"  {TEXT}\n")

    assert (review.user, review.product, review.rating) == (buyer, jar, 4)
    assert (review.text, review.state) == (TEXT, ReviewState.PENDING)
    assert review.order.user == buyer
    assert rating_of(jar) == (None, 0)


def test_who_never_ordered_it_is_no_buyer(jar: Product) -> None:
    stranger = buyer_of(ProductFactory.create())

    refused(
        NotABuyer,
        reviews.write,
        user_id=stranger.pk,
        product_id=jar.pk,
        rating=1,
        text=TEXT,
    )


def test_order_has_to_be_delivered_first(jar: Product) -> None:
    user = UserFactory.create(points=1_000_000)
    wish: dict[str, Any] = {"user_id": user.pk, "product_id": jar.pk}
    wish |= {"rating": 1, "text": TEXT}
    order = ordered(user, jar)
    refused(NotABuyer, reviews.write, **wish)
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(order_id=order.pk, carrier="Post", actor_id=None)
    refused(NotABuyer, reviews.write, **wish)

    checkout.deliver(order_id=order.pk, actor_id=None)

    assert reviews.write(**wish).order_id == order.pk


def test_cancelled_order_proves_nothing(jar: Product) -> None:
    user = UserFactory.create(points=1_000_000)
    order = ordered(user, jar)
    checkout.cancel(
        order_id=order.pk, user_id=user.pk, actor_id=user.pk, reason="changed"
    )

    refused(
        NotABuyer,
        reviews.write,
        user_id=user.pk,
        product_id=jar.pk,
        rating=1,
        text=TEXT,
    )


def test_blocked_buyer_is_refused_whatever_the_session_says(
    jar: Product, buyer: User
) -> None:
    User.objects.filter(pk=buyer.pk).update(is_active=False)

    refused(
        NotABuyer,
        reviews.write,
        user_id=buyer.pk,
        product_id=jar.pk,
        rating=5,
        text=TEXT,
    )


def test_what_is_not_sold_any_more_takes_no_reviews(jar: Product, buyer: User) -> None:
    Product.objects.filter(pk=jar.pk).update(published_at=None)

    for product_id in (jar.pk, 2**40):
        refused(
            ProductNotFound,
            reviews.write,
            user_id=buyer.pk,
            product_id=product_id,
            rating=5,
            text=TEXT,
        )


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_stars_are_one_to_five(jar: Product, buyer: User, rating: int) -> None:
    refused(
        ReviewInvalid,
        reviews.write,
        user_id=buyer.pk,
        product_id=jar.pk,
        rating=rating,
        text=TEXT,
    )


@pytest.mark.parametrize("text", ["", "too short", " " * 20, "x" * 2_001, "nul\0" * 5])
def test_text_says_something_and_ends(jar: Product, buyer: User, text: str) -> None:
    refused(
        ReviewInvalid,
        reviews.write,
        user_id=buyer.pk,
        product_id=jar.pk,
        rating=5,
        text=text,
    )


def test_second_review_of_a_product_is_refused(jar: Product, buyer: User) -> None:
    first = write(buyer, jar)
    received(buyer, jar)

    with pytest.raises(AlreadyReviewed) as refusal:
        write(buyer, jar)

    assert refusal.value.extra == {"review_id": first.pk}
    assert Review.objects.get() == first


def test_database_knows_one_review_per_shopper_and_product(
    jar: Product, buyer: User
) -> None:
    first = write(buyer, jar)

    with (
        pytest.raises(IntegrityError, match="review_one_per_user_and_product"),
        transaction.atomic(),
    ):
        Review.objects.create(
            user=buyer, product=jar, order=first.order, rating=1, text=TEXT
        )


# --- Publishing and the rating -------------------------------------------------------


def test_only_published_reviews_count(jar: Product) -> None:
    first, second, third = (written(jar, rating=rating) for rating in (5, 4, 1))
    assert rating_of(jar) == (None, 0)

    for review in (first, second):
        reviews.publish(review_id=review.pk, actor_id=None)
    assert rating_of(jar) == ("4.50", 2)

    reviews.publish(review_id=third.pk, actor_id=None)
    assert rating_of(jar) == ("3.33", 3)
    reviews.reject(review_id=third.pk, reason="Spam", actor_id=None)
    assert rating_of(jar) == ("4.50", 2)


def test_average_is_rounded_half_up(jar: Product) -> None:
    for rating in (1, 1, 1, 1, 2, 2, 3, 2):
        published(jar, rating=rating)

    assert rating_of(jar) == ("1.63", 8)


def test_author_hears_what_was_decided_once(jar: Product) -> None:
    review = written(jar)

    reviews.reject(review_id=review.pk, reason="Off topic.", actor_id=None)
    for _ in range(2):
        reviews.publish(review_id=review.pk, actor_id=None)

    told = Event.objects.filter(topic__startswith="review.").order_by("pk")
    assert [(event.topic, event.payload["reason"]) for event in told] == [
        ("review.rejected", "Off topic."),
        ("review.published", ""),
    ]
    for event in told:
        assert event.payload["user_id"] == review.user_id
        assert event.payload["product_name"] == jar.name


def test_publishing_says_who_and_when(jar: Product) -> None:
    staff = StaffFactory.create()
    review = written(jar)

    reviews.publish(review_id=review.pk, actor_id=staff.pk)

    review.refresh_from_db()
    assert (review.state, review.decided_by) == (ReviewState.PUBLISHED, staff)
    assert review.decided_at is not None


def test_product_changes_when_its_card_does_and_only_then(jar: Product) -> None:
    jar.refresh_from_db()
    before, heard = jar.version, Event.objects.filter(topic="product.changed")
    review = published(jar, rating=4)
    jar.refresh_from_db()
    assert (jar.version, heard.count()) == (before + 1, 1)

    reviews.publish(review_id=review.pk, actor_id=None)
    written(jar)

    jar.refresh_from_db()
    assert (jar.version, heard.count()) == (before + 1, 1)


def test_rejecting_takes_a_reason(jar: Product) -> None:
    review = written(jar)

    refused(
        ReviewInvalid, reviews.reject, review_id=review.pk, reason=" ", actor_id=None
    )
    reviews.reject(review_id=review.pk, reason="Not about it", actor_id=None)

    review.refresh_from_db()
    assert (review.state, review.reason) == (ReviewState.REJECTED, "Not about it")


def test_staff_publish_what_they_have_read(jar: Product, buyer: User) -> None:
    review = written(jar, buyer)
    read = review.version
    reviews.edit(user_id=buyer.pk, review_id=review.pk, text="Buy pills at pills.test")

    refused(
        ReviewChanged,
        reviews.publish,
        review_id=review.pk,
        actor_id=None,
        version=read,
    )
    reviews.publish(review_id=review.pk, actor_id=None, version=read + 1)

    assert rating_of(jar)[1] == 1


def test_states_change_as_the_table_says_and_no_other_way(jar: Product) -> None:
    moves: dict[ReviewState, Any] = {
        ReviewState.PUBLISHED: lambda review: reviews.publish(
            review_id=review.pk, actor_id=None
        ),
        ReviewState.REJECTED: lambda review: reviews.reject(
            review_id=review.pk, reason="x", actor_id=None
        ),
    }
    withdrawn = written(jar)
    reviews.withdraw(user_id=withdrawn.user_id, review_id=withdrawn.pk)
    before = everything()

    for state, move in moves.items():
        with pytest.raises(InvalidReviewStep) as refusal:
            move(withdrawn)
        assert refusal.value.extra == {
            "review_state": "withdrawn",
            "wanted": state.value,
        }

    assert everything() == before
    assert NEXT_STATES[ReviewState.WITHDRAWN] == {ReviewState.PENDING}


@pytest.mark.parametrize("state", ["published", "rejected"])
def test_database_knows_the_table_too(jar: Product, state: str) -> None:
    review = written(jar)
    reviews.withdraw(user_id=review.user_id, review_id=review.pk)

    with (
        pytest.raises((InternalError, ProgrammingError), match="Invalid transition"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE reviews_review SET state = %s, text = %s, reason = 'x',"
            " decided_at = now()",
            [state, TEXT],
        )


# --- Editing and taking back ---------------------------------------------------------


def test_edited_review_is_read_by_staff_again(jar: Product) -> None:
    review = published(jar, rating=5)

    edited = reviews.edit(user_id=review.user_id, review_id=review.pk, rating=2)

    assert (edited.state, edited.rating, edited.text) == ("pending", 2, TEXT)
    assert edited.edited_at is not None
    assert rating_of(jar) == (None, 0)
    reviews.publish(review_id=review.pk, actor_id=None)
    assert rating_of(jar) == ("2.00", 1)


def test_edit_that_changes_nothing_leaves_it_published(jar: Product) -> None:
    review = published(jar, rating=5)
    before = everything()

    reviews.edit(user_id=review.user_id, review_id=review.pk, rating=5, text=TEXT)

    assert everything() == before


def test_rejected_review_can_be_mended(jar: Product) -> None:
    review = written(jar)
    reviews.reject(review_id=review.pk, reason="Shouting", actor_id=None)

    edited = reviews.edit(
        user_id=review.user_id, review_id=review.pk, text="Said more quietly."
    )

    assert (edited.state, edited.reason) == (ReviewState.PENDING, "")


def test_others_reviews_can_be_neither_edited_nor_taken_back(jar: Product) -> None:
    review, stranger = published(jar), buyer_of(jar)
    whose = {"user_id": stranger.pk, "review_id": review.pk}

    refused(ReviewNotFound, reviews.edit, **whose, rating=1)
    refused(ReviewNotFound, reviews.withdraw, **whose)


def test_what_is_taken_back_is_gone_and_counts_no_longer(jar: Product) -> None:
    review, _other = published(jar, rating=1), published(jar, rating=4)
    reader = UserFactory.create()
    reviews.vote(user_id=reader.pk, review_id=review.pk)
    reviews.report(
        user_id=reader.pk, review_id=review.pk, reason=ReportReason.OFFENSIVE
    )
    reviews.answer(review_id=review.pk, text="We are sorry.", actor_id=None)

    for _ in range(2):
        reviews.withdraw(user_id=review.user_id, review_id=review.pk)

    review.refresh_from_db()
    assert (review.state, review.text, review.answer) == ("withdrawn", "", "")
    assert (review.helpful_count, review.open_reports) == (0, 0)
    assert not HelpfulVote.objects.exists()
    assert not ReviewReport.objects.exists()
    assert rating_of(jar) == ("4.00", 1)


def test_what_was_taken_back_can_be_written_anew(jar: Product, buyer: User) -> None:
    review = published(jar, buyer, rating=1)
    reviews.withdraw(user_id=buyer.pk, review_id=review.pk)
    refused(
        ReviewNotFound, reviews.edit, user_id=buyer.pk, review_id=review.pk, rating=5
    )

    again = write(buyer, jar, rating=3)

    assert (again.pk, again.state, again.rating) == (review.pk, "pending", 3)
    assert again.edited_at is None


# --- Readers -------------------------------------------------------------------------


def test_vote_counts_once_and_can_be_taken_back(jar: Product) -> None:
    review, readers = published(jar), UserFactory.create_batch(2)

    for reader in [*readers, readers[0]]:
        counted = reviews.vote(user_id=reader.pk, review_id=review.pk)
    assert counted.helpful_count == 2

    for _ in range(2):
        counted = reviews.take_back_vote(user_id=readers[0].pk, review_id=review.pk)
    assert counted.helpful_count == 1
    assert HelpfulVote.objects.get().user == readers[1]


def test_nobody_votes_for_or_reports_their_own(jar: Product) -> None:
    review = published(jar)
    own = {"user_id": review.user_id, "review_id": review.pk}

    refused(OwnReview, reviews.vote, **own)
    refused(OwnReview, reviews.take_back_vote, **own)
    refused(OwnReview, reviews.report, **own, reason=ReportReason.SPAM)


def test_what_is_not_published_can_be_neither_voted_for_nor_reported(
    jar: Product,
) -> None:
    review, reader = written(jar), UserFactory.create()

    for review_id in (review.pk, 2**40):
        what = {"user_id": reader.pk, "review_id": review_id}
        refused(ReviewNotFound, reviews.vote, **what)
        refused(ReviewNotFound, reviews.report, **what, reason=ReportReason.SPAM)


def test_reports_call_staff_and_take_nothing_down(jar: Product) -> None:
    review, readers = published(jar), UserFactory.create_batch(3)
    assert not Review.objects.to_moderate().exists()

    for reader in [*readers, readers[0]]:
        reviews.report(user_id=reader.pk, review_id=review.pk, reason=ReportReason.SPAM)

    review.refresh_from_db()
    assert (review.open_reports, review.state) == (3, ReviewState.PUBLISHED)
    assert Review.objects.to_moderate().get() == review
    reviews.publish(review_id=review.pk, actor_id=None)
    assert not Review.objects.to_moderate().exists()
    assert not ReviewReport.objects.filter(resolved_at=None).exists()


def test_shop_answers_and_takes_its_answer_back(jar: Product) -> None:
    staff, review = StaffFactory.create(), published(jar)

    answered = reviews.answer(review_id=review.pk, text="Thanks!", actor_id=staff.pk)
    assert (answered.answer, answered.answered_by) == ("Thanks!", staff)
    assert answered.answered_at is not None

    emptied = reviews.answer(review_id=review.pk, text=" ", actor_id=staff.pk)
    assert (emptied.answer, emptied.answered_by) == ("", None)
    assert emptied.answered_at is None


def test_only_published_reviews_are_answered(jar: Product) -> None:
    review = written(jar)

    refused(
        ReviewNotFound,
        reviews.answer,
        review_id=review.pk,
        text="Thanks!",
        actor_id=None,
    )
