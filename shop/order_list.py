"""The list of a shopper's orders: what is asked for, and which orders that is."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import QueryDict

from common.days import bounds, shop_day
from orders.models import Order, OrderLine, OrderStatus
from payments.models import RefundLeg

PER_PAGE = 10
LONGEST = 60


class WishForm(forms.Form):
    """What the address of the list may say; nonsense is ignored, not refused."""

    q = forms.CharField(required=False, max_length=LONGEST)
    status = forms.ChoiceField(required=False, choices=OrderStatus.choices)
    year = forms.IntegerField(required=False, min_value=2000, max_value=2999)
    before = forms.UUIDField(required=False)


@dataclass(frozen=True)
class Wish:
    """Which orders are wanted; ``before`` is the last one of the page before."""

    text: str = ""
    status: str = ""
    year: int | None = None
    before: UUID | None = None

    @classmethod
    def from_query(cls, query: QueryDict) -> "Wish":
        form = WishForm(query)
        form.is_valid()
        said: dict[str, Any] = form.cleaned_data
        text = " ".join((said.get("q") or "").split())
        return cls(text, said.get("status") or "", said.get("year"), said.get("before"))

    @property
    def is_narrow(self) -> bool:
        return bool(self.text or self.status or self.year)

    def url(self, before: UUID | None = None) -> str:
        """Link to the same orders, from the newest or after one of them."""
        said = {
            "q": self.text,
            "status": self.status,
            "year": self.year,
            "before": before,
        }
        return f"?{urlencode({key: value for key, value in said.items() if value})}"

    def without_filters(self) -> str:
        return replace(self, text="", status="", year=None).url()


def orders_of(user_id: int, wish: Wish) -> QuerySet[Order]:
    """Return the orders that are wanted, newest first, with what was given back."""
    given = RefundLeg.objects.filter(refund__order=OuterRef("pk")).values(
        "refund__order"
    )
    orders = Order.objects.placed_by(user_id).newest_first()
    orders = orders.annotate(given_back=Coalesce(given.values(sum=Sum("amount")), 0))
    if wish.status:
        orders = orders.filter(status=wish.status)
    if wish.year:
        orders = orders.filter(
            placed_at__gte=bounds(date(wish.year, 1, 1))[0],
            placed_at__lt=bounds(date(wish.year + 1, 1, 1))[0],
        )
    if wish.text:
        lines = OrderLine.objects.filter(order=OuterRef("pk"))
        named = lines.filter(
            Q(name__icontains=wish.text) | Q(product__texts__name__icontains=wish.text)
        )
        number = wish.text.replace(" ", "").upper()
        orders = orders.filter(Q(number__startswith=number) | Exists(named))
    if wish.before:
        orders = orders.filter(pk__lt=wish.before)
    return orders


def years_of(user_id: int, *, now: datetime) -> list[int]:
    """Return the years in which the shopper may have ordered, newest first."""
    orders = Order.objects.placed_by(user_id)
    first = orders.aggregate(first=Min("placed_at"))["first"] or now
    return list(range(shop_day(now).year, shop_day(first).year - 1, -1))
