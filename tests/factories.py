"""Valid objects for tests; a test names only what it is about."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone

from accounts.models import Address, User
from catalog.models import Category, Product
from coupons.models import Coupon, CouponBatch, DiscountKind
from delivery.models import DeliveryMethod, PickupPoint, Rate, Zone
from inventory import services as inventory
from inventory.models import MovementKind
from points import services as points
from promotions.models import Promotion
from promotions.pricing import PromotionKind

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"shopper{n}@example.com")
    name = "Kim Min-ji"

    @factory.post_generation
    def password(self: User, create: bool, extracted: str | None, **_: Any) -> None:  # noqa: FBT001 — factory-boy's signature
        self.set_password(extracted or PASSWORD)
        if create:
            self.save(update_fields=["password"])

    @factory.post_generation
    def points(self: User, create: bool, extracted: int | None, **_: Any) -> None:  # noqa: FBT001 — factory-boy's signature
        if create and extracted:
            charge(self, extracted)


class StaffFactory(UserFactory):
    email = factory.Sequence(lambda n: f"staff{n}@example.com")
    is_staff = True
    is_superuser = True


class AddressFactory(factory.django.DjangoModelFactory[Address]):
    class Meta:
        model = Address

    user = factory.SubFactory(UserFactory)
    recipient = "Kim Min-ji"
    phone = "+82 10-1234-5678"
    postal_code = "04524"
    line1 = "110 Sejong-daero"
    city = "Seoul"


class CategoryFactory(factory.django.DjangoModelFactory[Category]):
    class Meta:
        model = Category

    name = factory.Sequence(lambda n: f"Shelf {n}")
    slug = factory.Sequence(lambda n: f"shelf-{n}")


class ProductFactory(factory.django.DjangoModelFactory[Product]):
    """A product on sale; ``stock_on_hand=7`` puts seven on the shelf, not ten."""

    class Meta:
        model = Product
        skip_postgeneration_save = True

    sku = factory.Sequence(lambda n: f"SKU-{n:05}")
    slug = factory.Sequence(lambda n: f"product-{n}")
    name = factory.Sequence(lambda n: f"Product {n}")
    description = "Made to last."
    price = 10_000
    category = factory.SubFactory(CategoryFactory)
    published_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))

    @factory.post_generation
    def stock_on_hand(
        self: Product,
        create: bool,  # noqa: FBT001 — factory-boy's signature
        extracted: int | None,
        **_: Any,
    ) -> None:
        on_hand = 10 if extracted is None else extracted
        if create and on_hand:
            receive(self, on_hand)


class CouponBatchFactory(factory.django.DjangoModelFactory[CouponBatch]):
    """Ten coupons of 10 %, open and valid now."""

    class Meta:
        model = CouponBatch

    name = factory.Sequence(lambda n: f"Welcome {n}")
    kind = DiscountKind.PERCENT
    value = 10
    quantity = 10
    opens_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=1))
    valid_from = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=1))
    valid_until = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))


class CouponFactory(factory.django.DjangoModelFactory[Coupon]):
    """A coupon in somebody's wallet; the batch's counter goes along."""

    class Meta:
        model = Coupon

    batch = factory.SubFactory(CouponBatchFactory)
    user = factory.SubFactory(UserFactory)

    @factory.lazy_attribute
    def serial(self) -> int:
        batch: Any = self.batch
        batch.issued += 1
        batch.save(update_fields=["issued"])
        return int(batch.issued)


class PromotionFactory(factory.django.DjangoModelFactory[Promotion]):
    """Ten per cent off everything, running since yesterday."""

    class Meta:
        model = Promotion

    name = "Autumn"
    kind = PromotionKind.PERCENT
    value = 10
    starts_at = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))


class DeliveryMethodFactory(factory.django.DjangoModelFactory[DeliveryMethod]):
    class Meta:
        model = DeliveryMethod
        django_get_or_create = ("code",)

    code = "standard"
    name = "Standard"
    cost = 3_000
    free_from = 50_000


class ZoneFactory(factory.django.DjangoModelFactory[Zone]):
    class Meta:
        model = Zone

    name = factory.Sequence(lambda n: f"Zone {n}")
    countries = factory.LazyFunction(lambda: ["KR"])


class RateFactory(factory.django.DjangoModelFactory[Rate]):
    class Meta:
        model = Rate

    method = factory.SubFactory(DeliveryMethodFactory)
    zone = factory.SubFactory(ZoneFactory)
    cost = 3_000


class PickupPointFactory(factory.django.DjangoModelFactory[PickupPoint]):
    class Meta:
        model = PickupPoint

    method = factory.SubFactory(DeliveryMethodFactory, code="pickup", kind="pickup")
    code = "gangnam"
    name = "Gangnam"
    postal_code = "06236"
    line1 = "152 Teheran-ro"
    city = "Seoul"
    opening_hours = "10:00–20:00"


def charge(user: User, amount: int) -> None:
    """Give a shopper points, as if they had bought them."""
    before = points.balance_of(user.pk)
    points.charge(
        user_id=user.pk, amount=amount, idempotency_key=f"factory/{before}/{amount}"
    )


def receive(product: Product, quantity: int) -> None:
    """Put goods on the shelf."""
    inventory.adjust(
        product_id=product.pk,
        kind=MovementKind.RECEIVED,
        delta=quantity,
        reason="delivered by the maker",
        actor_id=None,
    )
