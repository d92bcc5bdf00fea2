"""Buttons of the services one can sign in with."""

from typing import Any

from django import template
from django.template import Context

from shop.social import services

register = template.Library()


@register.inclusion_tag("shop/parts/_services.html", takes_context=True)
def services_to_sign_in(context: Context) -> dict[str, Any]:
    """Draw a button for each service that is on; nothing if none is."""
    return {
        "services": services(),
        "redirect_field": context.get("redirect_field", ""),
    }
