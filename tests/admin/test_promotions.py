"""Staff set promotions up, watch what they cost, pause them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checkout import services as checkout
from common.days import shop_zone
from promotions.models import Campaign, Promotion
from promotions.summary import sentence, state_of
from tests.admin.acting import act, told
from tests.factories import (
    CategoryFactory,
    ProductFactory,
    PromotionFactory,
    UserFactory,
)
from tests.races.stage import purchase

pytestmark = pytest.mark.django_db

LIST = "/admin/promotions/promotion/"
ROWS = {
    f"{prefix}-{name}": number
    for prefix in ("category_rows", "product_rows")
    for name, number in (("TOTAL_FORMS", "0"), ("INITIAL_FORMS", "0"))
}
TERMS = {
    "name": "June lamps",
    "kind": "percent",
    "value": "10",
    "take": "0",
    "pay": "0",
    "min_spend": "0",
    "audience": "everyone",
    "starts_at_0": "2026-06-01",
    "starts_at_1": "00:00",
    "priority": "0",
    "is_active": "on",
    **ROWS,
}


def _errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


def test_promotion_is_added_with_what_it_is_for(boss: User, client: Client) -> None:
    lamps, bowl = CategoryFactory.create(), ProductFactory.create()
    rows = {
        "category_rows-TOTAL_FORMS": "1",
        "category_rows-0-category": lamps.pk,
        "product_rows-TOTAL_FORMS": "1",
        "product_rows-0-product": bowl.pk,
    }

    response = client.post(f"{LIST}add/", {**TERMS, "budget": "1000000", **rows})

    assert response.status_code == 302
    promotion = Promotion.objects.get()
    assert (promotion.value, promotion.budget) == (10, 1_000_000)
    assert list(promotion.categories.all()) == [lamps]
    assert list(promotion.products.all()) == [bowl]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "101"}, "value"),
        ({"value": "0"}, "value"),
        ({"value": "-5", "kind": "fixed"}, "value"),
        ({"value": "-5", "kind": "free_delivery"}, "value"),
        ({"value": str(10**30), "kind": "fixed"}, "value"),
        ({"kind": "n_for_m", "take": "2", "pay": "2"}, "take"),
        ({"kind": "n_for_m", "take": "2", "pay": "0"}, "pay"),
        ({"kind": "lottery"}, "kind"),
        ({"max_discount": "0"}, "max_discount"),
        ({"min_spend": "-1"}, "min_spend"),
        ({"budget": "-1"}, "budget"),
        ({"budget": str(10**30)}, "budget"),
        ({"ends_at_0": "2026-06-01", "ends_at_1": "00:00"}, "ends_at"),
        ({"ends_at_0": "2026-05-01", "ends_at_1": "00:00"}, "ends_at"),
        ({"starts_at_0": ""}, "starts_at"),
        ({"name": ""}, "name"),
        ({"audience": "friends"}, "audience"),
    ],
    ids=str,
)
def test_impossible_terms_are_refused_beside_their_field(
    boss: User, client: Client, change: dict[str, str], field: str
) -> None:
    response = client.post(f"{LIST}add/", {**TERMS, **change})

    assert response.status_code == 200
    assert list(_errors(response)) == [field]
    assert not Promotion.objects.exists()


@pytest.mark.parametrize(
    ("before", "after", "is_refused"),
    [
        (1_000, "599", True),
        (1_000, "600", False),
        (1_000, "5000", False),
        (1_000, "", True),
        (None, "5000", True),
        (None, "", False),
    ],
)
def test_budget_is_raised_but_not_taken_away_or_added(
    boss: User, client: Client, before: int | None, after: str, *, is_refused: bool
) -> None:
    promotion = PromotionFactory.create(budget=before, spent=600 if before else 0)

    response = client.post(f"{LIST}{promotion.pk}/change/", {**TERMS, "budget": after})

    assert response.status_code == (200 if is_refused else 302)
    if is_refused:
        assert list(_errors(response)) == ["budget"]
    promotion.refresh_from_db()
    kept = before if is_refused or not after else int(after)
    assert promotion.budget == kept


def test_saving_does_not_undo_what_orders_spent_meanwhile(
    boss: User, client: Client
) -> None:
    promotion = PromotionFactory.create(budget=5_000)
    buyer = UserFactory.create(points=100_000)
    client.get(f"{LIST}{promotion.pk}/change/")
    checkout.place_and_pay(purchase(buyer, ProductFactory.create()))

    client.post(
        f"{LIST}{promotion.pk}/change/", {**TERMS, "value": "10", "budget": "9000"}
    )

    promotion.refresh_from_db()
    assert (promotion.spent, promotion.budget) == (1_000, 9_000)
    assert promotion.version == 2


def test_pause_and_resume(boss: User, client: Client) -> None:
    promotion = PromotionFactory.create()

    response = act(client, LIST, "pause", promotion.pk)
    assert told(response) == ["Pause: 1 done."]
    assert not Promotion.objects.get().is_active

    act(client, LIST, "resume", promotion.pk)
    assert Promotion.objects.get().is_active


def test_who_may_only_look_can_neither_pause_nor_save(client: Client) -> None:
    promotion = PromotionFactory.create()
    looker = UserFactory.create(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_promotion"))
    client.force_login(looker)

    act(client, LIST, "pause", promotion.pk)
    saved = client.post(f"{LIST}{promotion.pk}/change/", TERMS)

    assert saved.status_code == 403
    promotion.refresh_from_db()
    assert (promotion.is_active, promotion.name) == (True, "Autumn")


def test_promotion_that_orders_got_cannot_be_deleted(
    boss: User, client: Client
) -> None:
    promotion = PromotionFactory.create()
    buyer = UserFactory.create(points=100_000)
    checkout.place_and_pay(purchase(buyer, ProductFactory.create()))

    response = client.post(f"{LIST}{promotion.pk}/delete/", {"post": "yes"})

    assert response.status_code == 403
    assert Promotion.objects.exists()


def test_category_of_a_promotion_cannot_be_deleted(boss: User, client: Client) -> None:
    shelf = CategoryFactory.create()
    PromotionFactory.create().categories.add(shelf)

    client.post(f"/admin/catalog/category/{shelf.pk}/delete/", {"post": "yes"})

    assert Promotion.objects.get().categories.exists()


def test_page_says_it_in_a_sentence_and_what_it_comes_together_with(
    boss: User, client: Client
) -> None:
    promotion = PromotionFactory.create(budget=10_000, priority=5)
    PromotionFactory.create(name="Same group", exclusive_group="season")
    promotion.exclusive_group = "season"
    promotion.save(update_fields=["exclusive_group"])
    PromotionFactory.create(name="Beside it", priority=9)
    PromotionFactory.create(
        name="Long over", ends_at=timezone.now() - timedelta(hours=1)
    )

    page = client.get(f"{LIST}{promotion.pk}/change/").content.decode()

    assert "10 % off everything" in page
    assert "₩0 spent, ₩10,000 left" in page
    assert "only this one is given" in page
    assert "both: that one first, this one on what is left" in page
    assert "Long over" not in page


def test_campaign_gathers_promotions(boss: User, client: Client) -> None:
    campaign = Campaign.objects.create(name="Autumn at home")
    PromotionFactory.create(campaign=campaign)

    listed = client.get("/admin/promotions/campaign/")

    assert "Autumn at home" in listed.content.decode()
    twice = client.post("/admin/promotions/campaign/add/", {"name": "Autumn at home"})
    assert list(_errors(twice)) == ["name"]


def test_sentence_says_all_of_it() -> None:
    starts = datetime(2026, 6, 1, tzinfo=shop_zone())
    promotion = PromotionFactory.build(
        max_discount=5_000,
        min_spend=30_000,
        budget=1_000_000,
        audience="regulars",
        starts_at=starts,
        ends_at=datetime(2026, 7, 1, tzinfo=shop_zone()),
    )

    assert sentence(promotion, ["Lamps"]) == (
        "10 % off Lamps, at most ₩5,000, from ₩30,000, regulars,"
        " 1 June 2026 – 30 June 2026, budget ₩1,000,000"
    )


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"kind": "fixed", "value": 5_000}, "₩5,000 off everything"),
        ({"kind": "n_for_m", "take": 3, "pay": 2}, "take 3, pay for 2 of everything"),
        ({"kind": "free_delivery"}, "free delivery with everything"),
    ],
    ids=str,
)
def test_sentence_of_each_kind(terms: dict[str, Any], expected: str) -> None:
    promotion = PromotionFactory.build(**terms)

    assert sentence(promotion, []).startswith(f"{expected}, from ")


@pytest.mark.parametrize(
    ("terms", "state"),
    [
        ({}, "running"),
        ({"is_active": False}, "paused"),
        ({"starts_at": timezone.now() + timedelta(days=1)}, "scheduled"),
        ({"ends_at": timezone.now() - timedelta(hours=1)}, "over"),
        ({"budget": 5, "spent": 5}, "spent"),
    ],
    ids=["running", "paused", "scheduled", "over", "spent"],
)
def test_state(terms: dict[str, Any], state: str) -> None:
    assert state_of(PromotionFactory.build(**terms), timezone.now()) == state
