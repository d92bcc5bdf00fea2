"""Many prices in the admin: asked for, previewed, changed, put back."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Category, PriceChange, PriceRevision, Product
from catalog.revisions import MOST
from tests.admin.acting import act, allow, told
from tests.factories import CategoryFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db
PRODUCTS = "/admin/catalog/product/"
REVISIONS = "/admin/catalog/pricerevision/"
PAGE = f"{REVISIONS}prices/"
WISH = {"way": "percent", "value": "-10", "rounding": "exact", "reason": "autumn"}


def ids(*products: Product) -> str:
    return ",".join(str(product.pk) for product in products)


def ask(client: Client, products: str, **given: Any) -> Any:
    return client.post(PAGE, {"products": products, **WISH, **given})


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([\w-]*)"', page)
    assert found is not None, name
    return found[1]


def previewed(client: Client, products: str, **given: Any) -> dict[str, str]:
    """Look at the preview; return what its button would send."""
    page = ask(client, products, do="preview", **given).content.decode()
    return {
        "do": "apply",
        "expected": hidden(page, "expected"),
        "key": hidden(page, "key"),
    }


def prices() -> list[int]:
    return list(Product.objects.order_by("pk").values_list("price", flat=True))


def test_action_asks_and_shows_no_preview_yet(boss: User, client: Client) -> None:
    product = ProductFactory.create()

    page = act(client, PRODUCTS, "change_prices", product.pk).content.decode()

    assert f'name="products" value="{product.pk}"' in page
    assert 'name="expected"' not in page
    assert prices() == [10_000]


def test_preview_shows_old_and_new_and_changes_nothing(
    boss: User, client: Client
) -> None:
    mug = ProductFactory.create(price=12_345, name="Mug", cost=8_000)
    bowl = ProductFactory.create(price=500)

    given = {"way": "set", "value": "500"}
    page = ask(client, ids(mug, bowl), do="preview", **given).content.decode()

    assert "1 price changes" in page
    assert "₩12,345" in page
    assert "−₩11,845 (-95 %)" in page
    assert "1 changes by more than half." in page
    assert "1 stays as it is." in page
    assert "1 would bring less than it costs the shop." in page
    assert "1 product has no cost, so there is no margin to show." in page
    assert "−₩7,500 (35 % → -1500 %)" in page
    assert prices() == [12_345, 500]
    assert not PriceRevision.objects.exists()


def test_prices_are_changed_as_previewed_with_reason_and_audit(
    boss: User, client: Client
) -> None:
    products = ProductFactory.create_batch(2, price=10_000)
    button = previewed(client, ids(*products))

    response = ask(client, ids(*products), **button)

    revision = PriceRevision.objects.get()
    assert response["Location"] == f"{REVISIONS}{revision.pk}/change/"
    assert told(response)[-1] == "2 prices changed."
    assert prices() == [9_000, 9_000]
    assert (revision.rule, revision.reason, revision.actor) == ("-10 %", "autumn", boss)
    entry = LogEntry.objects.get(object_id=str(revision.pk))
    assert '"reason": "autumn"' in entry.change_message
    assert '"prices": 2' in entry.change_message
    assert client.get(response["Location"]).status_code == 200


def test_form_sent_twice_changes_once(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)
    button = previewed(client, ids(product))

    answers = [ask(client, ids(product), **button)["Location"] for _ in range(2)]

    assert answers[0] == answers[1]
    assert prices() == [9_000]
    assert PriceChange.objects.count() == LogEntry.objects.count() == 1


def test_price_that_moved_since_the_preview_is_shown_again(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(price=10_000)
    button = previewed(client, ids(product))
    Product.objects.filter(pk=product.pk).update(price=8_000)

    response = ask(client, ids(product), **button)

    assert "Prices have moved since the preview." in response.content.decode()
    assert prices() == [8_000]
    assert not PriceRevision.objects.exists()


def test_large_change_has_to_be_ticked(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)
    given = {"value": "-60"}
    button = previewed(client, ids(product), **given)

    refused = ask(client, ids(product), **button, **given)
    done = ask(client, ids(product), **button, **given, sure="on")

    assert "tick the box" in refused.content.decode()
    assert done.status_code == 302
    assert prices() == [4_000]


def test_price_below_the_cost_has_to_be_ticked(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000, cost=9_500)
    button = previewed(client, ids(product))

    refused = ask(client, ids(product), **button)
    assert "tick the box" in refused.content.decode()
    assert prices() == [10_000]
    done = ask(client, ids(product), **button, sure="on")

    assert done.status_code == 302
    assert prices() == [9_000]


def test_price_of_nothing_is_not_offered(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=500)
    given = {"way": "amount", "value": "-500"}

    page = ask(client, ids(product), do="preview", **given).content.decode()
    button = {"do": "apply", "expected": hidden(page, "expected"), "sure": "on"}
    refused = ask(client, ids(product), **button, **given).content.decode()

    assert 'value="apply"' not in page
    assert "would cost nothing or less" in refused
    assert prices() == [500]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": ""}, "This field is required."),
        ({"value": "-100"}, "Nothing would be left."),
        ({"way": "amount", "value": "0.5"}, "no such small change"),
        ({"way": "set", "value": "-1"}, "A price is more than nothing."),
        ({"rounding": "step"}, "To a multiple of what?"),
        ({"starts_at": "2020-01-01T10:00"}, "This is over already."),
        ({"ends_at": "2020-01-01T10:00"}, "It has to end after it starts."),
        ({"value": "nan"}, "Enter a number."),
    ],
)
def test_wish_that_makes_no_sense_is_refused_beside_its_field(
    given: dict[str, str], said: str, boss: User, client: Client
) -> None:
    product = ProductFactory.create(price=10_000)

    page = ask(client, ids(product), do="preview", **given).content.decode()

    assert said in page
    assert 'name="expected"' not in page


def test_whole_category_is_changed_with_the_ones_inside(
    boss: User, client: Client
) -> None:
    shelf = CategoryFactory.create()
    inner = Category.objects.create(name="Inner", slug="inner", parent=shelf)
    own, deep = (ProductFactory.create(category=one) for one in (shelf, inner))
    ProductFactory.create()

    url = "/admin/catalog/category/"
    page = act(client, url, "change_prices", shelf.pk).content.decode()

    assert f'name="products" value="{own.pk},{deep.pk}"' in page


def test_page_without_products_leads_to_the_list(boss: User, client: Client) -> None:
    for given in ("", "x,²,-1"):
        assert ask(client, given, do="preview")["Location"] == PRODUCTS
    assert client.get(PAGE)["Location"] == PRODUCTS


def test_more_than_are_changed_together_are_refused(boss: User, client: Client) -> None:
    response = ask(client, ",".join(map(str, range(1, MOST + 2))), do="preview")

    assert response["Location"] == PRODUCTS
    assert told(response) == ["At most 5000 prices can be changed together."]


def test_scheduled_sale_is_called_off(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)
    tomorrow = timezone.localtime() + timedelta(days=1)
    given = {"starts_at": f"{tomorrow:%Y-%m-%dT%H:%M}"}
    button = previewed(client, ids(product), **given)
    ask(client, ids(product), **button, **given)
    revision = PriceRevision.objects.get()

    act(client, REVISIONS, "call_off", revision.pk, reason="too early")

    revision.refresh_from_db()
    assert (revision.state, revision.closed_by) == ("cancelled", boss)
    assert prices() == [10_000]


def test_undo_says_what_it_left(boss: User, client: Client) -> None:
    first, second = ProductFactory.create_batch(2, price=10_000)
    ask(client, ids(first, second), **previewed(client, ids(first, second)))
    act(client, PRODUCTS, "change_price", second.pk, price=7_000, reason="clay")
    revision = PriceRevision.objects.get()
    page = client.get(f"{REVISIONS}{revision.pk}/change/").content.decode()

    response = act(client, REVISIONS, "undo", revision.pk, reason="slip")

    assert ">Undo…</button>" in page
    assert "Prices put back: 1." in told(response)
    assert f"Changed since, so left as they are: {second.sku}" in told(response)
    assert prices() == [10_000, 7_000]
    again = act(client, REVISIONS, "undo", revision.pk, reason="slip")
    assert "does not stand any more" in told(again)[-1]


@pytest.mark.parametrize("permissions", [(), ("view_product", "change_product")])
def test_prices_need_their_own_permission(
    permissions: tuple[str, ...], client: Client
) -> None:
    clerk = UserFactory.create(is_staff=True)
    allow(clerk, *permissions)
    product = ProductFactory.create(price=10_000)
    client.force_login(clerk)

    assert ask(client, ids(product), do="preview").status_code == 403
    act(client, PRODUCTS, "change_price", product.pk, price=1, reason="x")
    act(client, PRODUCTS, "change_prices", product.pk)
    assert client.get(REVISIONS).status_code == 403

    assert prices() == [10_000]


def test_who_only_sees_prices_may_not_undo(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)
    ask(client, ids(product), **previewed(client, ids(product)))
    clerk = UserFactory.create(is_staff=True)
    allow(clerk, "view_pricechange")
    client.force_login(clerk)

    assert client.get(REVISIONS).status_code == 200
    act(client, REVISIONS, "undo", PriceRevision.objects.get().pk, reason="x")

    assert prices() == [9_000]


def test_history_of_a_product_is_on_its_page(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)
    ask(client, ids(product), **previewed(client, ids(product)))

    page = client.get(f"{PRODUCTS}{product.pk}/change/").content.decode()

    assert "-10 %: autumn" in page
    assert page.count("₩9,000") >= 2
    listed = client.get(f"/admin/catalog/pricechange/?q={product.sku}")
    assert listed.context["cl"].result_count == 1
    lines = client.get("/admin/catalog/pricerevisionline/?outcome__exact=changed")
    assert lines.context["cl"].result_count == 1
