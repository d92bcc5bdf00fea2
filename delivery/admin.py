"""How parcels can travel, where to, and at what price."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.admin import ModelAdmin, TabularInline, display, register
from common.money import money
from delivery.carriers import carrier, offered
from delivery.models import DeliveryMethod, PickupPoint, Rate, Zone
from delivery.terms import postal_code_of

COUNTRY = RegexValidator(r"^[A-Z]{2}$", _("Write countries as two letters, like KR."))


class MethodForm(forms.ModelForm[DeliveryMethod]):
    """Offers the carriers that are switched on, and says what would not do."""

    carrier = forms.ChoiceField(label=_("carrier"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {one.code: one.label for one in offered()}
        # One that is switched off meanwhile is not lost by saving the page.
        before = self.instance.carrier
        names = {"": _("the shop itself")} | ({before: before} if before else {})
        field = self.fields["carrier"]
        if isinstance(field, forms.ChoiceField):
            field.choices = list((names | known).items())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("carrier_service") and not cleaned.get("carrier"):
            self.add_error("carrier_service", _("A service needs a carrier."))
        lowest, highest = cleaned.get("days_min"), cleaned.get("days_max")
        if lowest is not None and highest is not None and highest < lowest:
            self.add_error("days_max", _("This must not be below the other."))
        for name in ("cost", "free_from"):
            if (cleaned.get(name) or 0) < 0:
                self.add_error(name, _("This must not be below zero."))
        return cleaned


class RateForm(forms.ModelForm[Rate]):
    """Names a wrong number where it stands."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, lowest in (("cost", 0), ("value_from", 0), ("weight_up_to", 1)):
            value = cleaned.get(name)
            if value is not None and value < lowest:
                self.add_error(name, _("This is too low."))
        return cleaned


class ZoneForm(forms.ModelForm[Zone]):
    """Takes countries and postal codes as people write them."""

    def clean_countries(self) -> list[str]:
        countries = [text.strip().upper() for text in self.cleaned_data["countries"]]
        for country in countries:
            COUNTRY(country)
        return sorted(set(countries))

    def clean_postal_prefixes(self) -> list[str]:
        written = map(postal_code_of, self.cleaned_data["postal_prefixes"])
        return sorted({prefix for prefix in written if prefix})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("postal_prefixes") and not cleaned.get("countries"):
            self.add_error("postal_prefixes", _("Postal codes need their countries."))
        return cleaned


class RateInline(TabularInline[Rate]):
    """What it costs, by zone, weight and goods total."""

    model = Rate
    form = RateForm
    fields = ["zone", "weight_up_to", "value_from", "cost"]
    ordering = ["zone__position", "zone_id", "weight_up_to", "value_from"]


class PickupPointInline(TabularInline[PickupPoint]):
    """Where its parcels wait."""

    model = PickupPoint
    fields = ["code", "name", "city", "is_active", "position"]
    show_change_link = True
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@register(DeliveryMethod)
class DeliveryMethodAdmin(ModelAdmin[DeliveryMethod]):
    """Changes hold for new orders; placed ones keep what they were told."""

    form = MethodForm
    list_display = ["name", "code", "kind", "cost_text", "carried_by", "is_active"]
    list_filter = ["is_active", "kind"]
    ordering = ["position", "id"]
    inlines = [RateInline, PickupPointInline]
    fields = [
        "code",
        "name",
        "kind",
        "cost",
        "free_from",
        "carrier",
        "carrier_service",
        "cut_off",
        "days_min",
        "days_max",
        "works_weekends",
        "is_active",
        "position",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeliveryMethod]:
        return super().get_queryset(request).annotate(rate_count=Count("rates"))

    @display(description=_("cost"), ordering="cost")
    def cost_text(self, method: DeliveryMethod) -> str:
        if getattr(method, "rate_count", 0):
            return str(_("by zone"))
        if method.free_from is None:
            return money(method.cost)
        amounts = {"cost": money(method.cost), "free": money(method.free_from)}
        return _("%(cost)s, free from %(free)s") % amounts

    @display(description=_("carrier"), ordering="carrier")
    def carried_by(self, method: DeliveryMethod) -> str:
        found = carrier(method.carrier)
        if method.carrier and found is None:
            return _("%(carrier)s (switched off)") % {"carrier": method.carrier}
        return found.label if found else "–"


@register(Zone)
class ZoneAdmin(ModelAdmin[Zone]):
    """Parts of the world; an address belongs to the one that fits it most closely."""

    form = ZoneForm
    list_display = ["name", "countries_text", "postal_codes_text", "position"]
    search_fields = ["name"]
    ordering = ["position", "id"]
    fields = ["name", "countries", "postal_prefixes", "position"]

    @display(description=_("countries"))
    def countries_text(self, zone: Zone) -> str:
        return ", ".join(zone.countries) or str(_("everywhere else"))

    @display(description=_("postal codes"))
    def postal_codes_text(self, zone: Zone) -> str:
        return ", ".join(f"{prefix}…" for prefix in zone.postal_prefixes) or "–"


@register(PickupPoint)
class PickupPointAdmin(ModelAdmin[PickupPoint]):
    """Where parcels wait for their shoppers."""

    list_display = ["name", "code", "method", "city", "opening_hours", "is_active"]
    list_select_related = ["method"]
    list_filter = ["is_active", "method"]
    search_fields = ["name", "=code", "city", "line1"]
    ordering = ["method__position", "position", "id"]
