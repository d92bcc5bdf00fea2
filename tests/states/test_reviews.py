"""Writing reviews, and one's own ones, in their states."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from accounts.models import User
from catalog.models import Product
from orders.models import OrderStatus
from reviews import services as reviews
from reviews.models import ReportReason, Review, ReviewState
from tests.factories import UserFactory
from tests.states.conftest import Visit
from tests.states.orders import moon_jar, order_in, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TEXT = "Heavier than it looks, and whiter."


@pytest.fixture
def cup(transactional_db: None) -> Product:
    return moon_jar()


@pytest.fixture
def buyer(cup: Product) -> User:
    """Return somebody to whom a moon jar was delivered."""
    user = shopper()
    order_in(OrderStatus.DELIVERED, user, cup)
    return user


def write(user: User, product: Product) -> Review:
    return reviews.write(user_id=user.pk, product_id=product.pk, rating=4, text=TEXT)


def open_form(visit: Visit, cup: Product, user: User) -> Page:
    return visit(f"/products/{cup.pk}/review/", user=user)


def picture(name: str) -> FilePayload:
    content = BytesIO()
    Image.new("RGB", (60, 40), "firebrick").save(content, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": content.getvalue()}


def test_review_is_written_with_the_keyboard_alone(
    visit: Visit, cup: Product, buyer: User
) -> None:
    page = open_form(visit, cup, buyer)
    page.locator("#rating-3").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#rating-4")).to_be_checked()
    page.get_by_label("Your review").focus()
    page.keyboard.type(TEXT)
    page.get_by_role("button", name="Send").focus()

    page.keyboard.press("Enter")

    page.get_by_text("We read your review before others do.").first.wait_for()
    review = Review.objects.get()
    assert (review.rating, review.text) == (4, TEXT)


def test_review_that_is_too_short_is_shown_again(
    visit: Visit, cup: Product, buyer: User
) -> None:
    page = visit(f"/products/{cup.pk}/review/", user=buyer, scripts=False)
    page.locator("label[for=rating-4]").click()
    page.get_by_label("Your review").fill("Nice.")

    page.locator("form").filter(has=page.locator("textarea")).evaluate(
        "form => { form.noValidate = true }"
    )
    page.get_by_role("button", name="Send").click()

    expect(page.locator(".errorlist").first).to_be_visible()
    expect(page.get_by_label("Your review")).to_have_value("Nice.")
    assert not Review.objects.exists()


def test_review_shows_the_chosen_photos_and_takes_one_back(
    visit: Visit, cup: Product, buyer: User
) -> None:
    page = open_form(visit, cup, buyer)
    page.set_input_files("#photos", [picture("one.png"), picture("two.png")])
    page.locator("#photo-names canvas").nth(1).wait_for()

    page.get_by_role("button", name="Remove one.png").click()

    page.locator("#photo-names canvas").nth(1).wait_for(state="detached")
    page.locator("label[for=rating-4]").click()
    page.get_by_label("Your review").fill(TEXT)
    page.get_by_role("button", name="Send").click()
    page.get_by_text("We read your review before others do.").first.wait_for()
    assert Review.objects.get().photos.count() == 1


def test_review_waiting_says_so(visit: Visit, cup: Product, buyer: User) -> None:
    write(buyer, cup)

    page = visit("/account/reviews/", user=buyer)

    expect(page.get_by_text("Waiting for approval")).to_be_visible()
    expect(page.get_by_text(TEXT)).to_be_visible()


def test_review_rejected_says_why_and_can_be_changed(
    visit: Visit, cup: Product, buyer: User
) -> None:
    review = write(buyer, cup)
    reviews.reject(review_id=review.pk, reason="About the courier.", actor_id=None)
    page = visit("/account/reviews/", user=buyer)
    expect(page.get_by_text("About the courier.")).to_be_visible()

    page.get_by_role("link", name="Edit Moon jar").click()
    page.get_by_label("Your review").fill(f"{TEXT} Truly.")
    page.get_by_role("button", name="Send").click()

    page.get_by_text("Waiting for approval").wait_for()
    review.refresh_from_db()
    assert (review.state, review.reason) == (ReviewState.PENDING, "")


def test_review_published_is_told_to_its_author(
    visit: Visit, cup: Product, buyer: User
) -> None:
    review = write(buyer, cup)
    reviews.publish(review_id=review.pk, actor_id=None)

    page = visit("/account/reviews/", user=buyer)

    expect(page.locator(".tag", has_text="Published")).to_be_visible()


def test_review_reported_stays_and_is_thanked_for(
    visit: Visit, cup: Product, buyer: User
) -> None:
    review = write(buyer, cup)
    reviews.publish(review_id=review.pk, actor_id=None)
    reader = UserFactory.create()
    page = visit(f"/reviews/{review.pk}/report/", user=reader)
    page.locator(".option").last.click()

    page.get_by_role("button", name="Report it").click()

    page.get_by_text("Thank you. We will look at it.").wait_for()
    expect(page.get_by_text(TEXT)).to_be_visible()
    page.goto(f"/reviews/{review.pk}/report/")
    expect(page.get_by_text("You have reported this review.")).to_be_visible()
    assert review.reports.get().reason in ReportReason.values


def test_review_is_deleted_after_a_question(
    visit: Visit, cup: Product, buyer: User
) -> None:
    review = write(buyer, cup)
    page = visit("/account/reviews/", user=buyer)
    page.get_by_role("link", name="Delete Moon jar").click()

    page.get_by_role("button", name="Delete it").click()

    page.get_by_text("Your review is gone.").wait_for()
    review.refresh_from_db()
    assert review.state == ReviewState.WITHDRAWN


def test_review_is_for_buyers_only(visit: Visit, cup: Product) -> None:
    page = open_form(visit, cup, UserFactory.create())

    expect(page.get_by_text("once an order with it was delivered")).to_be_visible()
    expect(page.locator("textarea")).to_have_count(0)


def test_reviews_none_yet_offers_what_was_delivered(
    visit: Visit, cup: Product, buyer: User
) -> None:
    page = visit("/account/reviews/", user=buyer)

    page.get_by_role("link", name="Review Moon jar").click()

    page.wait_for_url(f"**/products/{cup.pk}/review/")
