"""What happened to products before somebody looks at the shop."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from analytics import pseudonyms
from analytics.behaviour import Act, record
from analytics.models import Behaviour, DailySales, Privacy
from catalog.models import Product
from common.days import shop_day


def sold(product: Product, *, units: int, days_ago: int = 0) -> None:
    """Let so many of a product be sold on a shop day."""
    DailySales.objects.create(
        day=shop_day(timezone.now()) - timedelta(days=days_ago),
        product=product,
        units=units,
        orders=1,
        revenue=units * product.price,
    )


def viewed(user: User, *products: Product) -> None:
    """Let a shopper who agrees to it look at products, one after the other."""
    Privacy.objects.update_or_create(user=user, defaults={"consents": True})
    actor, now = pseudonyms.of_user(user.pk), timezone.now()
    first = now - timedelta(minutes=len(products))
    record(
        Act(Behaviour.VIEW, actor, first + timedelta(minutes=place), product.pk)
        for place, product in enumerate(products)
    )


def page_of(product: Product) -> str:
    """Return the address of a product's page."""
    return f"/p/{product.slug}-{product.pk}/"
