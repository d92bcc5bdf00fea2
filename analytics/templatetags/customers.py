"""What a customer prefers, in the page of the customer."""

from typing import Any

from django import template

from analytics import privacy
from analytics.pages import price_band
from analytics.reports.customers import preferences_of
from common.money import money

register = template.Library()


@register.inclusion_tag("admin/analytics/_customer.html", takes_context=True)
def customer_preferences(context: dict[str, Any], user_id: int) -> dict[str, Any]:
    """Show what somebody buys to staff who may see the sales."""
    if not context["request"].user.has_perm("analytics.view_dailysales"):
        return {}
    found = preferences_of([user_id])
    if not found:
        return {"is_shown": True}
    [one] = found
    return {
        "is_shown": True,
        "one": one,
        "spent": money(one.monetary),
        "prices": price_band(one),
    }


@register.inclusion_tag("admin/analytics/_consents.html")
def customer_consents(user: Any) -> dict[str, Any]:
    """Show what somebody agreed to: offers, and being observed."""
    return {"user": user, "choices": privacy.choices_of(user.pk)}
