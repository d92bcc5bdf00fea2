"""Many prices at once: asked for, previewed, changed, and put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalog import revisions
from catalog.models import (
    Category,
    Product,
)
from catalog.price_rules import NewPrice, PriceRule, Rounding, Way
from common import idempotency
from common.admin import (
    ReasonForm,
    audit,
    tag,
)
from common.errors import DomainError
from common.idempotency import Claim, Reply
from common.ids import uuid7
from common.money import decimals, from_major, money

MAY_CHANGE = "catalog.change_price"
# What products cost the shop is for those who set prices or read what they bring.
MAY_SEE_COSTS = (MAY_CHANGE, "analytics.view_dailysales")
MOST_SHOWN = 300
LOCAL = "%Y-%m-%dT%H:%M"


class Moment(forms.DateTimeInput):
    """A day and a time in one box, of the browser's own kind."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format=LOCAL)


class PricesForm(ReasonForm):
    """Asks how prices are to change, from when to when, and why."""

    way = forms.ChoiceField(label=_("Change"), choices=Way.choices)
    value = forms.DecimalField(
        label=_("Percent or amount"),
        max_digits=14,
        decimal_places=2,
        help_text=_("With a minus for less; amounts in the shop's currency."),
    )
    rounding = forms.ChoiceField(label=_("Round"), choices=Rounding.choices)
    step = forms.DecimalField(
        label=_("Step"), max_digits=12, decimal_places=2, min_value=0, required=False
    )
    starts_at = forms.DateTimeField(
        label=_("Starts"),
        required=False,
        widget=Moment,
        help_text=_("In the shop's time zone. Empty: at once."),
    )
    ends_at = forms.DateTimeField(
        label=_("Ends"),
        required=False,
        widget=Moment,
        help_text=_("Then the old prices come back. Empty: it is for good."),
    )
    sure = forms.BooleanField(
        label=_(
            "I have looked at the prices that change by more than half or do not"
            " cover the cost"
        ),
        required=False,
    )
    field_order = ["way", "value", "rounding", "step", "starts_at", "ends_at", "reason"]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        way, value = given.get("way"), given.get("value")
        if way == Way.PERCENT and value is not None and value <= -100:  # noqa: PLR2004
            self.add_error("value", str(_("Nothing would be left.")))
        for name in ("value", "step") if way != Way.PERCENT else ("step",):
            self._check_decimals(name)
        if way == Way.SET and value is not None and value <= 0:
            self.add_error("value", str(_("A price is more than nothing.")))
        if given.get("rounding") == Rounding.STEP and not given.get("step"):
            self.add_error("step", str(_("To a multiple of what?")))
        self._check_period()
        return given

    def rule(self) -> PriceRule:
        """Return what was asked for."""
        given = self.cleaned_data
        is_percent = given["way"] == Way.PERCENT
        return PriceRule(
            way=Way(given["way"]),
            value=int(given["value"] * 100)
            if is_percent
            else from_major(given["value"]),
            rounding=Rounding(given["rounding"]),
            step=from_major(given["step"] or Decimal(0)) or 1,
        )

    def _check_decimals(self, name: str) -> None:
        value = self.cleaned_data.get(name)
        if value is not None and value != round(value, decimals()):
            self.add_error(name, str(_("The currency has no such small change.")))

    def _check_period(self) -> None:
        starts = self.cleaned_data.get("starts_at")
        ends = self.cleaned_data.get("ends_at")
        if starts is not None and starts <= timezone.now():
            self.add_error("starts_at", str(_("This is over already.")))
        if ends is not None and ends <= (starts or timezone.now()):
            self.add_error("ends_at", str(_("It has to end after it starts.")))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would make of the prices of some products."""

    prices: Sequence[NewPrice]

    @property
    def changing(self) -> list[NewPrice]:
        """Those that get another price."""
        return [price for price in self.prices if not price.is_same]

    @property
    def impossible(self) -> int:
        """How many would cost nothing or less."""
        return sum(price.is_impossible for price in self.prices)

    @property
    def large(self) -> int:
        """How many would change by more than half."""
        return sum(price.is_large for price in self.prices)

    @property
    def below_cost(self) -> int:
        """How many would bring less than they cost the shop."""
        return sum(price.is_below_cost for price in self.changing)

    @property
    def without_cost(self) -> int:
        """How many have no margin to show."""
        return sum(price.cost is None for price in self.prices)

    @property
    def is_risky(self) -> bool:
        """Whether somebody has to say that they looked."""
        return bool(self.large or self.below_cost)

    @property
    def same(self) -> int:
        """How many stay as they are."""
        return len(self.prices) - len(self.changing)

    @property
    def mark(self) -> str:
        """What tells this preview from one with any other price."""
        told = repr([(price.product_id, price.old, price.new) for price in self.prices])
        return sha256(told.encode()).hexdigest()[:32]

    def rows(self) -> list[tuple[NewPrice, dict[str, Any]]]:
        """Return what the page shows, what to look at first; of many only some."""
        order = sorted(
            self.prices,
            key=lambda price: (
                not price.is_impossible,
                price.is_same or not price.is_below_cost,
                not price.is_large,
                price.is_same,
            ),
        )
        return [(price, _cells(price)) for price in order[:MOST_SHOWN]]

    @property
    def hidden(self) -> int:
        """How many rows the page leaves out."""
        return max(0, len(self.prices) - MOST_SHOWN)


def preview(product_ids: Sequence[int], rule: PriceRule) -> Preview:
    """Return what ``rule`` makes of the present prices of products."""
    products = Product.objects.filter(pk__in=product_ids).order_by("sku")
    return Preview(
        [
            NewPrice(pk, sku, name, price, rule.new_price(price), cost)
            for pk, sku, name, price, cost in products.values_list(
                "pk", "sku", "name", "price", "cost"
            )
        ]
    )


def _cells(price: NewPrice) -> dict[str, Any]:
    return {
        "old": money(price.old),
        "new": money(price.new),
        "difference": _signed(price),
        "cost": "–" if price.cost is None else money(price.cost),
        "margin": _margin(price),
        "warning": _warning(price),
    }


def _margin(price: NewPrice) -> str:
    if price.margin is None:
        return "–"
    old, new = price.margin_percent(price.old), price.margin_percent(price.new)
    if new is None:
        return money(price.margin)
    before = "" if new == old else f"{old} % → "
    return f"{money(price.margin)} ({before}{new} %)"


def _signed(price: NewPrice) -> str:
    plus = "+" if price.difference > 0 else ""
    return f"{plus}{money(price.difference)} ({price.percent:+d} %)"


def _warning(price: NewPrice) -> SafeString | str:
    if price.is_impossible:
        return tag("bad", _("No price"))
    if price.is_below_cost and not price.is_same:
        return tag("bad", _("Below cost"))
    if price.is_large:
        return tag("warn", _("More than half"))
    return tag("off", _("Unchanged")) if price.is_same else ""


def ask_for_prices(
    request: HttpRequest, site: AdminSite, product_ids: Sequence[int]
) -> HttpResponse:
    """Show the page on which the prices of some products are changed."""
    if not request.user.has_perm(MAY_CHANGE):
        raise PermissionDenied
    wish = request.POST.get("do", "")
    form = PricesForm(request.POST) if wish else PricesForm()
    seen = None
    if form.is_bound and form.is_valid():
        seen = preview(product_ids, form.rule())
        if wish == "apply" and (answer := _apply(request, form, seen)) is not None:
            return answer
    context = {
        **site.each_context(request),
        "title": _("Change prices"),
        "form": form,
        "preview": seen,
        "asks_if_sure": seen is not None and seen.is_risky,
        "products": ",".join(map(str, product_ids)),
        "count": len(product_ids),
        "key": request.POST.get("key") or uuid7().hex,
    }
    return TemplateResponse(request, "admin/catalog/prices.html", context)


def _may_apply(request: HttpRequest, form: PricesForm, seen: Preview) -> bool:
    """Tell whether what was seen is what would be done, and may be."""
    if request.POST.get("expected") != seen.mark:
        text = _("Prices have moved since the preview. Please look again.")
    elif seen.impossible:
        text = _("Some products would cost nothing or less. Change the rule.")
    elif seen.is_risky and not form.cleaned_data["sure"]:
        text = _(
            "Some prices change by more than half or do not cover the cost:"
            " tick the box that you saw it."
        )
    else:
        return True
    messages.error(request, str(text))
    return False


def _apply(
    request: HttpRequest, form: PricesForm, seen: Preview
) -> HttpResponse | None:
    """Change the prices and lead to what was done; ``None`` if that was refused."""
    given = form.cleaned_data
    claim = _claim(request, given)
    try:
        # Sent again, the prices are not those any more that the page showed.
        reply = idempotency.find(claim) if claim else None
        if reply is None and _may_apply(request, form, seen):
            reply = idempotency.run(claim, lambda: _change(request, form, seen))
    except DomainError as error:
        messages.error(request, str(error.detail))
        return None
    if reply is None:
        return None
    if not reply.is_replayed:
        messages.success(request, _done(form, len(seen.changing)))
    page = reverse("admin:catalog_pricerevision_change", args=[reply.body])
    return HttpResponseRedirect(page)


def _change(request: HttpRequest, form: PricesForm, seen: Preview) -> Reply:
    given = form.cleaned_data
    revision = revisions.make(
        seen.changing,
        rule=form.rule().words(),
        reason=given["reason"],
        actor_id=cast(int, request.user.pk),
        starts_at=given["starts_at"],
        ends_at=given["ends_at"],
    )
    told = {"prices": len(seen.changing), "rule": revision.rule}
    audit(
        request,
        revision,
        action=_("Change prices"),
        reason=given["reason"],
        after=told | {"state": revision.state},
    )
    return Reply(201, str(revision.pk))


def _done(form: PricesForm, count: int) -> str:
    if form.cleaned_data["starts_at"]:
        return ngettext(
            "%(n)s price will change.", "%(n)s prices will change.", count
        ) % {"n": count}
    return ngettext("%(n)s price changed.", "%(n)s prices changed.", count) % {
        "n": count
    }


def _claim(request: HttpRequest, given: dict[str, Any]) -> Claim | None:
    key = request.POST.get("key", "")[:64]
    if not key:
        return None
    page = reverse("admin:catalog_pricerevision_prices")
    wish = repr(
        [
            request.POST.get("products", ""),
            *sorted((name, str(value)) for name, value in given.items()),
        ]
    )
    return Claim(
        subject=f"u:{request.user.pk}",
        method="POST",
        path=page,
        key=key,
        fingerprint=idempotency.fingerprint("POST", page, wish.encode()),
    )


def products_in(categories: QuerySet[Category]) -> list[int]:
    """Return the ids of all products on some shelves and those inside them."""
    shelves = {
        pk
        for category in categories
        for pk in category.descendants(include_self=True).values_list("pk", flat=True)
    }
    found = Product.objects.filter(category__in=shelves, archived_at__isnull=True)
    return list(found.order_by("pk").values_list("pk", flat=True)[: revisions.MOST + 1])
