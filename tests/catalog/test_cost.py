"""What a product costs the shop: for those who set prices, and nobody outside."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from catalog.messages import product_letter
from catalog.models import Product
from catalog.price_rules import NewPrice
from outbox.models import Event
from tests.admin.acting import allow
from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db
COST = 7_654_321
PAGE = "/admin/catalog/product/{}/change/"


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(name="Moon jar", price=9_000_000, cost=COST)


@pytest.fixture
def clerk(client: Client) -> User:
    user = UserFactory.create(is_staff=True)
    client.force_login(user)
    return user


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/products/",
        "/p/{slug}-{pk}/",
        "/search/?q=moon",
        "/feeds/google.xml",
        "/api/v1/products",
        "/api/v1/products/{pk}",
        "/api/v1/search?q=moon",
        "/api/v1/product-sheets/{pk}",
    ],
)
def test_cost_is_never_published(path: str, jar: Product, client: Client) -> None:
    response = client.get(path.format(slug=jar.slug, pk=jar.pk))

    content = response.getvalue().decode()
    assert "7654321" not in content
    assert "7,654,321" not in content
    assert '"cost"' not in content


def test_others_are_told_of_a_change_and_not_of_the_cost(
    jar: Product, client: Client
) -> None:
    allow_to(client, "view_product", "change_product", "change_price")

    client.post(PAGE.format(jar.pk), form_of(jar) | {"cost": "7654322"})

    jar.refresh_from_db()
    assert jar.cost == COST + 1
    assert "765432" not in str([*Event.objects.values_list("payload", flat=True)])
    assert b"765432" not in product_letter(jar).body


def allow_to(client: Client, *codenames: str) -> None:
    user = UserFactory.create(is_staff=True)
    allow(user, *codenames)
    client.force_login(user)


def form_of(product: Product) -> dict[str, object]:
    inlines = ("texts", "photos", "price_changes")
    return {
        "sku": product.sku,
        "name": product.name,
        "slug": product.slug,
        "category": product.category_id,
        "description": product.description,
        "options": "{}",
        "weight_grams": "0",
        **{f"{name}-TOTAL_FORMS": 0 for name in inlines},
        **{f"{name}-INITIAL_FORMS": 0 for name in inlines},
    }


def test_cost_is_set_by_those_who_set_prices(
    jar: Product, clerk: User, client: Client
) -> None:
    url, given = PAGE.format(jar.pk), form_of(jar) | {"cost": "100"}
    allow(clerk, "view_product", "change_product")
    unseen = client.get(url).content.decode()
    client.post(url, given)
    allow(clerk, "view_product", "change_product", "view_dailysales")
    seen = client.get(url).content.decode()
    client.post(url, given)
    jar.refresh_from_db()
    assert jar.cost == COST

    allow(clerk, "view_product", "change_product", "change_price")
    client.post(url, given | {"cost": "-1"})
    jar.refresh_from_db()
    assert jar.cost == COST
    client.post(url, given)

    jar.refresh_from_db()
    assert jar.cost == 100
    assert "7654321" not in unseen
    assert 'name="cost"' not in unseen + seen
    assert "7654321" in seen
    assert "₩1,345,679 (14 %)" in seen


def test_database_keeps_no_cost_below_zero(jar: Product) -> None:
    with (
        pytest.raises(IntegrityError, match="product_cost_not_negative"),
        transaction.atomic(),
    ):
        Product.objects.update(cost=-1)


@pytest.mark.parametrize(
    ("cost", "new", "margin", "percent", "is_below"),
    [
        (None, 900, None, None, False),
        (600, 900, 300, 33, False),
        (900, 900, 0, 0, False),
        (901, 900, -1, 0, True),
        (0, 900, 900, 100, False),
        (600, 0, -600, None, False),
    ],
)
def test_margin_follows_from_price_and_cost(
    cost: int | None,
    new: int,
    margin: int | None,
    percent: int | None,
    is_below: bool,  # noqa: FBT001
) -> None:
    price = NewPrice(1, "A", "Jar", 1_000, new, cost)

    assert (price.margin, price.margin_percent(new)) == (margin, percent)
    assert price.is_below_cost is is_below
