"""Promotions with the ORM, a question at a time."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.utils import timezone

from catalog.models import Category, Product
from checkout.services import Purchase
from orders.models import DEAD, Order
from promotions.models import REGULAR_DAYS, REGULAR_ORDERS, Promotion, PromotionUse
from promotions.pricing import PromotionKind, PromotionTerms


def terms_of(wish: Purchase, products: Iterable[Product]) -> list[PromotionTerms]:
    """Lock all promotions and return what those that run give this shopper."""
    now = timezone.now()
    goods = list(products)
    return [
        PromotionTerms(
            promotion_id=one.pk,
            name=one.name,
            kind=PromotionKind(one.kind),
            value=one.value,
            take=one.take,
            pay=one.pay,
            max_discount=one.max_discount,
            min_spend=one.min_spend,
            covers=_covers(one, goods),
            is_for_you=_is_for(wish, one.audience),
            priority=one.priority,
            exclusive_group=one.exclusive_group,
            budget_left=None if one.budget is None else one.budget - one.spent,
        )
        for one in Promotion.objects.select_for_update(no_key=True).order_by("pk")
        if one.is_running(now)
    ]


def _covers(one: Promotion, goods: list[Product]) -> frozenset[int] | None:
    categories, products = set(one.categories.all()), set(one.products.all())
    if not categories and not products:
        return None
    return frozenset(
        product.pk
        for product in goods
        if product in products or categories & set(_shelves(product.category))
    )


def _shelves(category: Category) -> Iterable[Category]:
    """Return a category and all that it is in."""
    above: Category | None = category
    while above is not None:
        yield above
        above = above.parent


def _is_for(wish: Purchase, audience: str) -> bool:
    orders = Order.objects.filter(user_id=wish.user_id or 0).exclude(status__in=DEAD)
    if audience == "everyone":
        return True
    if audience == "new":
        return not orders.exists()
    since = timezone.now() - timedelta(days=REGULAR_DAYS)
    return orders.filter(paid_at__gt=since).count() >= REGULAR_ORDERS


def give(order: Order, amounts: Mapping[int, int]) -> None:
    """Write down what an order got of each promotion."""
    for promotion_id in sorted(amounts):
        one = Promotion.objects.get(pk=promotion_id)
        if one.budget is not None:
            one.spent += amounts[promotion_id]
            one.save(update_fields=["spent"])
        PromotionUse.objects.create(
            promotion=one,
            order_id=order.pk,
            amount=amounts[promotion_id],
            new_buyer_id=order.user_id if one.audience == "new" else None,
        )
