"""How staff narrow the list of orders."""

from datetime import date
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import ListFilter, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count, Q, QuerySet, UUIDField
from django.db.models.functions import Cast, Substr
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from common.days import bounds, shop_day
from common.money import from_major
from coupons.models import Coupon, CouponBatch
from delivery.models import DeliveryMethod
from orders.models import (
    IS_EXPIRING,
    IS_LATE,
    OPEN_RETURNS,
    Order,
    OrderStatus,
    Return,
)
from outbox.models import Dispatch
from payments.models import LegState, RefundLeg

Lookups = list[tuple[str, Any]]
AGGREGATE = "order/"
# The calendar has an end, beyond which there is no day after.
IN_SIGHT = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]
LARGEST_ID = 2**63 - 1
# As many as a list of choices can be read; a link may name any other.
NEWEST_BATCHES = 20
# Saved ways to look at the list: label, what it asks for, and which count tells how
# many there are. With "oldest" those that have waited longest come first.
PRESETS: tuple[tuple[Any, dict[str, str], str], ...] = (
    (_("To pack today"), {"status__exact": "paid", "o": "oldest"}, "paid"),
    (_("To ship"), {"status__exact": "processing", "o": "oldest"}, "processing"),
    (_("Late"), {"attention": "late", "o": "oldest"}, "late"),
    (_("Unpaid"), {"status__exact": "pending"}, "pending"),
    (_("About to expire"), {"attention": "expiring"}, "expiring"),
    (_("Refund waiting"), {"attention": "refund"}, ""),
    (_("Return waiting"), {"attention": "return"}, ""),
    (_("Others not told"), {"attention": "untold"}, ""),
    (_("Paid today"), {"paid_from": "today", "paid_to": "today"}, ""),
    (_("All orders"), {}, ""),
)


class AttentionFilter(SimpleListFilter):
    """Keeps the orders that somebody should look at."""

    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [
            ("expiring", _("Unpaid, about to expire")),
            ("late", _("Paid, late")),
            ("refund", _("Refund waiting")),
            ("return", _("Return waiting")),
            ("untold", _("Others not told")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        value = self.value()
        if value == "expiring":
            return queryset.filter(IS_EXPIRING)
        if value == "late":
            return queryset.filter(IS_LATE)
        if value == "refund":
            legs = RefundLeg.objects.exclude(state=LegState.DONE)
            return queryset.filter(pk__in=legs.values("payment__order"))
        if value == "return":
            asked = Return.objects.filter(state__in=OPEN_RETURNS)
            return queryset.filter(pk__in=asked.values("order"))
        return queryset.filter(pk__in=_untold()) if value == "untold" else queryset


def _untold() -> QuerySet[Any]:
    stuck = Dispatch.objects.stuck().filter(aggregate__startswith=AGGREGATE)
    order_id = Cast(Substr("aggregate", len(AGGREGATE) + 1), UUIDField())
    return stuck.order_by().values_list(order_id)


class DeliveryFilter(SimpleListFilter):
    """Keeps the orders that go one way."""

    title = _("delivery")
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        ways = DeliveryMethod.objects.order_by("position", "pk")
        return list(ways.values_list("code", "name"))

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        code = self.value()
        return queryset.filter(delivery_method=code) if code else queryset


class CouponFilter(SimpleListFilter):
    """Keeps the orders with a coupon, with one of a certain batch, or without."""

    title = _("coupon")
    parameter_name = "coupon"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        batches = CouponBatch.objects.order_by("-pk")
        rows = list(batches.values_list("pk", "name")[:NEWEST_BATCHES])
        return [
            ("any", _("With a coupon")),
            ("none", _("Without")),
            *((str(pk), name) for pk, name in rows),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        value = self.value() or ""
        if value in {"any", "none"}:
            return queryset.filter(coupon_id__isnull=value == "none")
        if not value.isascii() or not value.isdecimal():
            return queryset
        coupons = Coupon.objects.filter(batch_id=min(int(value[:19]), LARGEST_ID))
        return queryset.filter(coupon_id__in=coupons.values("pk"))


class RangeFilter(ListFilter):
    """Keeps what is between two values, which are asked for in a small form."""

    template = "admin/range_filter.html"
    form_class: ClassVar[type[forms.Form]]

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, Any],
        model: Any,
        model_admin: Any,
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]
        self.form = self.form_class(self.used_parameters, auto_id="filter_%s")

    def names(self) -> list[str]:
        """Return what the form asks for."""
        return list(self.form_class.base_fields)

    def expected_parameters(self) -> list[str | None]:
        return [*self.names()]

    def has_output(self) -> bool:
        return True

    def given(self) -> dict[str, Any]:
        """Return what was asked for and makes sense, by name."""
        self.form.is_valid()
        found = self.form.cleaned_data
        return {name: value for name, value in found.items() if value is not None}

    def choices(self, changelist: ChangeList) -> Any:
        names = self.names()
        others = [
            (name, value)
            for name, values in changelist.filter_params.items()
            if name not in names
            for value in values
        ]
        all_of_it = changelist.get_query_string(remove=names)
        yield {
            "form": self.form,
            "others": others,
            "clear": all_of_it if self.used_parameters else "",
        }


class PaidDaysForm(forms.Form):
    """Asks for two shop days, both included."""

    paid_from = forms.DateField(
        label=_("From"),
        required=False,
        validators=IN_SIGHT,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    paid_to = forms.DateField(
        label=_("To"),
        required=False,
        validators=IN_SIGHT,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class PaidFilter(RangeFilter):
    """Keeps the orders that were paid on some days."""

    title = _("day of payment")
    form_class = PaidDaysForm

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        days: dict[str, date] = self.given()
        if "paid_from" in days:
            queryset = queryset.filter(paid_at__gte=bounds(days["paid_from"])[0])
        if "paid_to" in days:
            queryset = queryset.filter(paid_at__lt=bounds(days["paid_to"])[1])
        return queryset


class TotalForm(forms.Form):
    """Asks for two amounts, as they are written on the page."""

    total_from = forms.DecimalField(
        label=_("From"), required=False, min_value=0, max_digits=15
    )
    total_to = forms.DecimalField(
        label=_("To"), required=False, min_value=0, max_digits=15
    )


class TotalFilter(RangeFilter):
    """Keeps the orders of some size."""

    title = _("total")
    form_class = TotalForm

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        amounts = {name: from_major(value) for name, value in self.given().items()}
        if "total_from" in amounts:
            queryset = queryset.filter(total__gte=amounts["total_from"])
        if "total_to" in amounts:
            queryset = queryset.filter(total__lte=amounts["total_to"])
        return queryset


def presets(request: HttpRequest, *, oldest: str) -> list[dict[str, Any]]:
    """Return the saved ways to look at the list; ``oldest`` sorts by payment."""
    counts = _counts()
    today = f"{shop_day(timezone.now()):%Y-%m-%d}"
    shown = request.GET.dict()
    found = []
    for label, wanted, count in PRESETS:
        words = {"oldest": oldest, "today": today}
        query = {name: words.get(value, value) for name, value in wanted.items()}
        found.append(
            {
                "label": label,
                "url": f"?{urlencode(query)}",
                "count": counts.get(count),
                "is_current": query == shown,
            }
        )
    return found


def _counts() -> dict[str, int]:
    """Count what is not over yet, of which there is never much."""
    unfinished = [OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.PROCESSING]
    wanted = {
        **{str(status): Q(status=status) for status in unfinished},
        "late": IS_LATE,
        "expiring": IS_EXPIRING,
    }
    return Order.objects.filter(status__in=unfinished).aggregate(
        **{name: Count("pk", filter=condition) for name, condition in wanted.items()}
    )
