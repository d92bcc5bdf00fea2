"""What ``static/js/live.js`` reads from a page, as attributes of its elements."""

import json
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from catalog.models import Product
from orders.models import Order
from shop.ahead import rules
from shop.cards import LOW_STOCK
from shop.live_facts import orders_now

register = template.Library()

# One number for each form that a language of ours has: 1 left, 2 left, 5 left.
SAMPLES = (1, 2, 5)


@register.simple_tag
def pages_ahead() -> SafeString:
    """Let browsers fetch a page when its link is about to be pressed."""
    return rules() if settings.PAGES_AHEAD else SafeString()


@register.simple_tag(takes_context=True)
def live_page(context: Context) -> SafeString:
    """Say where the socket is, whose page this is, and what it has seen."""
    storefront = context["storefront"]
    found: dict[str, Any] = {"url": live_url(context["request"])}
    if storefront.is_signed_in:
        found["user"] = storefront.user_id
        found["cursor"] = storefront.counts.newest_id
        found["poll"] = reverse("shop:unread")
    return _attributes(found)


@register.simple_tag
def live_order(order: Order) -> SafeString:
    """Mark what shows an order; it is fetched anew once the order has moved on."""
    [now] = orders_now([order.pk])
    return _attributes({"order": now.number, "mark": now.mark})


@register.simple_tag
def live_stock(product: Product, left: int) -> SafeString:
    """Mark what shows a stock, with the words for another number."""
    found = {
        "product": product.pk,
        "left": max(0, left),
        "price": product.price,
        "low": LOW_STOCK,
        "few-words": json.dumps([_few(n) for n in SAMPLES]),
        "many-words": json.dumps([_many(n) for n in SAMPLES]),
    }
    return _attributes(found)


def live_url(request: HttpRequest) -> str:
    """Return where the socket is; empty if it is at the shop's own address.

    The browser sends the session only to the host that it has it from.
    """
    own = request.get_host().rpartition(":")[0] or request.get_host()
    url: str = settings.LIVE_URL
    if own == "localhost":
        url = url.replace("//127.0.0.1:", "//localhost:")
    return url.replace("//*:", f"//{own}:")


def _few(left: int) -> str:
    return ngettext("Only %(left)s left", "Only %(left)s left", left) % {"left": "{n}"}


def _many(left: int) -> str:
    words = ngettext("In stock · %(number)s left", "In stock · %(number)s left", left)
    return words % {"number": "{n}"}


def _attributes(values: dict[str, Any]) -> SafeString:
    return format_html_join(
        " ", 'data-live-{}="{}"', ((name, value) for name, value in values.items())
    )
