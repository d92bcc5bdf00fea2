"""What a product page says of being back: kept for you, waiting, or ask for it."""

from typing import Any

from django.db.models import Case, F, When
from django.http import HttpRequest
from django.utils import timezone

from catalog.models import Product
from catalog.texts import local_name
from inventory.models import OPEN, Hold, RestockAlert
from shop import undoing
from shop.cards import first_photo
from shop.kept import email_of
from shop.typing import user_id_of

# Shows a guest the alert they have just asked for, and lets them undo it.
_UNDO_SALT = "shop.alert"
SHOWN = 100


def restock_context(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return what is kept for this shopper, or whether they wait, of one product."""
    user_id, email = user_id_of(request), email_of(request)
    hold = alert = None
    if getattr(product, "reserved", 0) and (user_id or email):
        own = Hold.objects.usable().of(user_id=user_id, email=email)
        hold = own.filter(product=product).order_by("expires_at").first()
    if hold is None and not (getattr(product, "available", 0) or 0):
        alert = own_alert(request, product)
    return {"hold": hold, "alert": alert, "known_email": email}


def sign_undo(alert_id: int) -> str:
    """Return what lets a guest undo the alert they have just asked for."""
    return undoing.token(alert_id, salt=_UNDO_SALT)


def own_alert(request: HttpRequest, product: Product) -> RestockAlert | None:
    """Return the open alert of this shopper, or of a guest we know, for a product."""
    alerts = RestockAlert.objects.open().filter(product=product)
    user_id, email = user_id_of(request), email_of(request)
    token = request.GET.get("alert", "")
    if user_id is None and token:
        asked = undoing.facts_of(token, salt=_UNDO_SALT)
        return None if asked is None else alerts.filter(pk=asked).first()
    if user_id is None and not email:
        return None
    return alerts.of(user_id=user_id, email=email).first()


def own_alerts(user_id: int) -> list[RestockAlert]:
    """Return what a shopper waits for, then what became of earlier wishes.

    ``is_shown`` says of each whether its product is on sale, and ``can_ask_again``
    whether they could wait for it once more.
    """
    found = (
        RestockAlert.objects.of(user_id=user_id, email="")
        .select_related("product", "hold")
        .annotate(
            shown_name=local_name("product"),
            photo=first_photo("product"),
            left=F("product__stock__on_hand") - F("product__stock__reserved"),
            rank=Case(When(state__in=OPEN, then=0), default=1),
        )
        .order_by("rank", "-pk")[:SHOWN]
    )
    alerts, now = list(found), timezone.now()
    awaited = {alert.product_id for alert in alerts if alert.is_open}
    for alert in alerts:
        is_shown = alert.product.is_on_sale(now)
        is_gone = (getattr(alert, "left", None) or 0) <= 0
        vars(alert)["is_shown"] = is_shown
        vars(alert)["can_ask_again"] = (
            is_shown and is_gone and alert.product_id not in awaited
        )
    return alerts
