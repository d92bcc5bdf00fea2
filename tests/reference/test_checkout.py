"""The quick purchase does, row by row, what the plain one does."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from cart import services as carts
from cart.models import Cart, CartItem
from catalog.models import Category, Product
from checkout import services as checkout
from checkout.services import CartVersion, Purchase
from common.errors import DomainError
from coupons.models import Coupon, CouponBatch, CouponState, DiscountKind
from inventory.models import Stock, StockMovement
from orders.models import Order, OrderEvent, OrderLine
from outbox.models import Event
from payments.models import Payment
from points.models import LedgerEntry, PointAccount
from promotions.models import Promotion, PromotionUse
from promotions.pricing import PromotionKind
from tests.factories import (
    CategoryFactory,
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
    RateFactory,
    UserFactory,
    ZoneFactory,
    charge,
)
from tests.reference import checkout as reference

pytestmark = pytest.mark.django_db

TABLES: tuple[type[models.Model], ...] = (
    Cart,
    CartItem,
    Coupon,
    CouponBatch,
    Event,
    LedgerEntry,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    PointAccount,
    Promotion,
    PromotionUse,
    Stock,
    StockMovement,
)
# Given by chance or by the clock, so that two equal purchases differ in them.
OWN = {"id", "position", "sequence", "hash", "head_hash"}


@dataclass(frozen=True)
class Ware:
    price: int
    on_hand: int
    wanted: int
    is_on_sale: bool
    weight: int = 0


@dataclass(frozen=True)
class Voucher:
    kind: DiscountKind
    value: int
    max_discount: int | None
    min_spend: int
    state: CouponState
    is_active: bool
    # Days from now on which the coupon begins and ends to be valid.
    valid: tuple[int, int]
    is_own: bool


@dataclass(frozen=True)
class Fee:
    """A line of the price table of the first way of delivery."""

    zone: str
    weight_up_to: int | None
    value_from: int
    cost: int


@dataclass(frozen=True)
class Deal:
    """A promotion; ``scope`` is all, or the first product, or what it stands among."""

    kind: PromotionKind
    numbers: tuple[int, int, int]
    max_discount: int | None
    min_spend: int
    scope: str
    audience: str
    priority: int
    exclusive_group: str
    # The whole of it, and what is spent of that.
    budget: tuple[int, int] | None
    is_active: bool
    starts: int
    ends: int | None


@dataclass(frozen=True)
class Case:
    wares: list[Ware]
    balance: int
    voucher: Voucher | None
    delivery_method: str | None
    free_from: int | None
    # How far the shopper's idea of the total is off; ``None`` if they have none.
    surprise: int | None
    has_cart: bool
    is_cart_stale: bool
    fees: tuple[Fee, ...] = ()
    place: tuple[str, str] = ("", "")
    has_second_way: bool = False
    deals: tuple[Deal, ...] = ()
    # How many orders the shopper has paid for before.
    orders_before: int = 0


wares = st.builds(
    Ware,
    price=st.integers(1, 3_000),
    on_hand=st.sampled_from([100] * 12 + [0, 1, 3, 5, 8]),
    wanted=st.integers(1, 8),
    is_on_sale=st.sampled_from([True] * 30 + [False]),
    weight=st.integers(0, 700),
)
# By name: countries, beginnings of postal codes.
ZONES: dict[str, tuple[list[str], list[str]]] = {
    "home": (["KR"], []),
    "island": (["KR"], ["63", "402"]),
    "south": (["KR"], ["635"]),
    "asia": (["CN", "JP"], []),
    "rest": ([], []),
}
fees = st.lists(
    st.builds(
        Fee,
        zone=st.sampled_from(sorted(ZONES)),
        weight_up_to=st.none() | st.integers(1, 4_000),
        value_from=st.sampled_from([0, 0, 5_000, 12_000]),
        cost=st.integers(0, 900),
    ),
    max_size=8,
    unique_by=lambda fee: (fee.zone, fee.weight_up_to, fee.value_from),
).map(tuple)
places = st.sampled_from(
    [
        *(("", ""), ("KR", ""), ("KR", "06236"), ("KR", "63-186"), ("KR", "63512")),
        *(("KR", "40210"), ("JP", "63512"), ("FR", "75001")),
    ]
)
percents = st.tuples(st.just(DiscountKind.PERCENT), st.integers(1, 100))
amounts = st.tuples(st.just(DiscountKind.FIXED), st.integers(1, 30_000))
vouchers = st.builds(
    lambda worth, **rest: Voucher(kind=worth[0], value=worth[1], **rest),
    percents | amounts,
    max_discount=st.none() | st.integers(1, 5_000),
    min_spend=st.just(0) | st.integers(0, 20_000),
    state=st.sampled_from(
        [CouponState.ISSUED] * 6 + [CouponState.EXPIRED, CouponState.REVOKED]
    ),
    is_active=st.sampled_from([True] * 15 + [False]),
    valid=st.sampled_from([(-1, 1)] * 6 + [(-2, -1), (1, 2)]),
    is_own=st.sampled_from([True] * 15 + [False]),
)
deals = st.builds(
    Deal,
    kind=st.sampled_from(PromotionKind),
    # The value, units to pay for, units that are free.
    numbers=st.tuples(st.integers(1, 100), st.integers(1, 3), st.integers(1, 2)),
    max_discount=st.none() | st.integers(1, 3_000),
    min_spend=st.just(0) | st.integers(0, 15_000),
    scope=st.sampled_from(["all", "all", "product", "category"]),
    audience=st.sampled_from(["everyone", "everyone", "new", "regulars"]),
    priority=st.integers(0, 2),
    exclusive_group=st.sampled_from(["", "", "season"]),
    budget=st.none()
    | st.tuples(st.integers(0, 4_000), st.integers(0, 9_000)).map(
        lambda n: (sum(n), n[1])
    ),
    is_active=st.sampled_from([True] * 9 + [False]),
    starts=st.sampled_from([-1] * 9 + [1]),
    ends=st.sampled_from([None, 2, 2, -2]),
).map(lambda deal: replace(deal, starts=-3) if deal.ends == -2 else deal)
cases = st.builds(
    Case,
    wares=st.lists(wares, min_size=1, max_size=5),
    balance=st.sampled_from([1, 3_000, 9_000, 30_000] + [1_000_000] * 8),
    voucher=st.none() | vouchers,
    delivery_method=st.sampled_from([None] * 8 + ["standard"] * 8 + ["by pigeon"]),
    free_from=st.none() | st.integers(0, 30_000),
    surprise=st.sampled_from([None, None, None, 0, 1]),
    has_cart=st.booleans(),
    is_cart_stale=st.sampled_from([False, False, False, True]),
    fees=st.just(()) | fees,
    place=places,
    has_second_way=st.booleans(),
    deals=st.just(()) | st.lists(deals, max_size=4).map(tuple),
    orders_before=st.sampled_from([0, 0, 0, 1, 3]),
)


@given(case=cases)
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_production_and_reference_do_the_same(case: Case) -> None:
    with transaction.atomic():
        wish = _set_up(case)

        quick = _tried(checkout.place_and_pay, wish)
        plain = _tried(reference.place_and_pay, wish)

        transaction.set_rollback(True)
    assert quick == plain


def test_reference_tells_different_rows_apart() -> None:
    case = Case(
        wares=[Ware(price=100, on_hand=5, wanted=2, is_on_sale=True)],
        balance=1_000,
        voucher=None,
        delivery_method=None,
        free_from=None,
        surprise=None,
        has_cart=False,
        is_cart_stale=False,
    )
    wish = _set_up(case)
    one_less = Purchase(**{**_values(wish), "quantities": {_only(wish): 1}})

    assert _tried(checkout.place_and_pay, wish) != _tried(
        reference.place_and_pay, one_less
    )


def _only(wish: Purchase) -> int:
    [product_id] = wish.quantities
    return product_id


def _values(wish: Purchase) -> dict[str, Any]:
    return {name: getattr(wish, name) for name in wish.__dataclass_fields__}


def _set_up(case: Case) -> Purchase:
    user = UserFactory.create(points=case.balance)
    _buy_before(user, case.orders_before)
    _offer_delivery(case)
    products = [_product(ware) for ware in case.wares]
    for deal in case.deals:
        _promote(deal, products[0])
    wish = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={
            product.pk: ware.wanted
            # Not in the order of the ids, which the locks have to be taken in.
            for product, ware in reversed(list(zip(products, case.wares, strict=True)))
        },
        coupon_id=_coupon(case.voucher, user.pk) if case.voucher else None,
        address=_address(case.place),
        delivery_method=case.delivery_method,
        cart=_cart(case, user.pk, products) if case.has_cart else None,
    )
    if case.surprise is None:
        return wish
    total = checkout.price(wish)[0].total + case.surprise
    return Purchase(**{**_values(wish), "expected_total": total})


def _buy_before(user: User, times: int) -> None:
    if not times:
        return
    charge(user, times)
    earlier = {ProductFactory.create(price=1).pk: 1}
    for _ in range(times):
        checkout.place_and_pay(Purchase(user.pk, user.email, earlier))


def _promote(deal: Deal, first: Product) -> None:
    value, pay, free = deal.numbers
    is_counted = deal.kind == PromotionKind.N_FOR_M
    now = timezone.now()
    budget, spent = deal.budget or (None, 0)
    promotion = PromotionFactory.create(
        kind=deal.kind,
        value=0 if is_counted else value,
        pay=pay if is_counted else 0,
        take=pay + free if is_counted else 0,
        max_discount=deal.max_discount,
        min_spend=deal.min_spend,
        audience=deal.audience,
        priority=deal.priority,
        exclusive_group=deal.exclusive_group,
        budget=budget,
        spent=spent,
        is_active=deal.is_active,
        starts_at=now + timedelta(days=deal.starts),
        ends_at=None if deal.ends is None else now + timedelta(days=deal.ends),
    )
    if deal.scope == "product":
        promotion.products.add(first)
    elif deal.scope == "category":
        shelves = CategoryFactory.create()
        Category.objects.filter(pk=first.category_id).update(parent=shelves)
        promotion.categories.add(shelves)


def _offer_delivery(case: Case) -> None:
    first = DeliveryMethodFactory.create(cost=300, free_from=case.free_from)
    zones = {
        name: ZoneFactory.create(countries=countries, postal_prefixes=prefixes)
        for name, (countries, prefixes) in ZONES.items()
    }
    for fee in case.fees:
        RateFactory.create(
            method=first,
            zone=zones[fee.zone],
            weight_up_to=fee.weight_up_to,
            value_from=fee.value_from,
            cost=fee.cost,
        )
    if case.has_second_way:
        DeliveryMethodFactory.create(code="second", cost=700, position=1)


def _address(place: tuple[str, str]) -> dict[str, str]:
    address = {"city": "Seoul", "country": place[0], "postal_code": place[1]}
    return {name: value for name, value in address.items() if value}


def _product(ware: Ware) -> Product:
    product = ProductFactory.create(
        price=ware.price, stock_on_hand=ware.on_hand, weight_grams=ware.weight
    )
    if not ware.is_on_sale:
        Product.objects.filter(pk=product.pk).update(published_at=None)
    return product


def _coupon(voucher: Voucher, user_id: int) -> int:
    begin, end = (timezone.now() + timedelta(days=days) for days in voucher.valid)
    values = asdict(voucher)
    batch = CouponBatchFactory.create(
        valid_from=begin,
        valid_until=end,
        **{
            name: values[name]
            for name in ("kind", "value", "max_discount", "min_spend", "is_active")
        },
    )
    owner = {"user_id": user_id} if voucher.is_own else {"user": UserFactory.create()}
    coupon: Coupon = CouponFactory.create(batch=batch, state=voucher.state, **owner)
    return coupon.pk


def _cart(case: Case, user_id: int, products: list[Product]) -> CartVersion:
    cart = carts.of_user(user_id)
    cart.refresh_from_db()
    for product, ware in zip(products, case.wares, strict=True):
        if ware.is_on_sale:
            carts.add(cart_id=cart.pk, product_id=product.pk, quantity=ware.wanted)
    for bystander in ProductFactory.create_batch(2):
        carts.add(cart_id=cart.pk, product_id=bystander.pk, quantity=1)
    carts.select(cart_id=cart.pk, product_id=bystander.pk, is_selected=False)
    version = cart.version if case.is_cart_stale else None
    cart.refresh_from_db()
    return CartVersion(cart.pk, version or cart.version)


def _tried(buy: Callable[[Purchase], Any], wish: Purchase) -> dict[str, Any]:
    """Return what a purchase answered and left in the tables, and undo it."""
    with transaction.atomic():
        try:
            done = buy(wish)
            answer: dict[str, Any] = {"done": "ok"}
            names = {str(done.id): "<order>", done.number: "<number>"}
        except DomainError as error:
            answer = {"done": error.code, **error.extra, "lines": None}
            names = {}
        for table in TABLES:
            answer[table.__name__] = [_row(item, names) for item in _all(table)]
        answer["chain"] = _chain()
        transaction.set_rollback(True)
    return answer


def _all(table: type[models.Model]) -> models.QuerySet[models.Model]:
    return table._default_manager.order_by("pk")


def _row(item: models.Model, names: dict[str, str]) -> str:
    values = {
        field.name: field.value_from_object(item)
        for field in item._meta.concrete_fields
        if field.name not in OWN and "_at" not in field.name
    } | {
        # Times differ; whether there is one must not.
        field.name: field.value_from_object(item) is not None
        for field in item._meta.concrete_fields
        if field.name.endswith("_at") and field.name != "expires_at"
    }
    text = json.dumps(values, cls=DjangoJSONEncoder, default=repr, sort_keys=True)
    for name, stand_in in names.items():
        text = text.replace(name, stand_in)
    return text


def _chain() -> list[bool]:
    """Return, for each entry, whether its hash is right and follows the one before."""
    entries = list(LedgerEntry.objects.order_by("account_id", "sequence"))
    heads = [b"\0" * 32, *(bytes(entry.hash) for entry in entries)]
    return [
        bytes(entry.hash) == reference.entry_hash(entry)
        and (entry.sequence == 1 or bytes(entry.previous_hash) == head)
        for entry, head in zip(entries, heads, strict=False)
    ]
