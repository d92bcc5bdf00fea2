"""Renders the cards of products that changed before a shopper asks for them."""

from collections.abc import Sequence

from django.conf import settings
from django.utils import translation

from catalog.models import Product
from outbox.services import DELIVERED, Outcome, OutgoingEvent
from shop.cards import card_rows, render_cards


def refresh(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Put the cards as they are after the commit into Redis: a subscriber.

    A card that is not made here is made by the page that shows it; which version that
    shows, and what is left, it reads from the database.
    """
    product_ids = {event.payload["product_id"] for event in events}
    products = Product.objects.on_sale().filter(pk__in=product_ids)
    rows = card_rows(products.with_available())
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            render_cards(rows)
    return [DELIVERED] * len(events)
