"""EasyPost (API v2): many carriers behind one.

A service is written ``carrier/service``, as ``USPS/Priority``.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

import orjson
from django.conf import settings

from common import http
from common.money import from_major
from delivery.carriers.base import (
    CarrierAway,
    CarrierRefused,
    CarrierWebhookInvalid,
    Label,
    Offered,
    Parcel,
    ParcelState,
    Scan,
    Tracking,
)

GRAMS_PER_OUNCE = Decimal("28.349523125")
SIGNATURE = "x-hmac-signature"
NOT_FOUND = 404
# In whole units of the currency: nobody means that.
TOO_DEAR = 10**9
STATES = {
    "pre_transit": ParcelState.PACKED,
    "in_transit": ParcelState.IN_TRANSIT,
    "out_for_delivery": ParcelState.OUT_FOR_DELIVERY,
    "available_for_pickup": ParcelState.OUT_FOR_DELIVERY,
    "delivered": ParcelState.DELIVERED,
}
# Of those messages that come with the prices, what says that somebody failed.
FAILED = "rate_error"


class EasyPost:
    """Asks EasyPost; one call per question, two or three for a label."""

    code = "easypost"
    label = "EasyPost"

    def rates(self, parcel: Parcel) -> Sequence[Offered]:
        """Ask what it would cost; prices in other currencies are left out."""
        shipment = _call("POST", "shipments", {"shipment": _shipment(parcel)})
        found = _offered(shipment)
        if not found and _failures(shipment):
            raise CarrierAway(f"EasyPost: {_failures(shipment)}")
        return found

    def label_for(self, parcel: Parcel, *, service: str, key: str) -> Label:
        """Order a label. The shipment carries ``key``, so it is found again."""
        with http.within(settings.PROVIDER_TIMEOUT):
            # It becomes a part of a path.
            reference = re.sub(r"[^A-Za-z0-9_-]", "-", key)
            shipment = _find(reference)
            if shipment is None:
                asked = _shipment(parcel) | {"reference": reference}
                shipment = _call("POST", "shipments", {"shipment": asked})
            if not shipment.get("postage_label"):
                shipment = _buy(shipment, service)
        return _label(shipment)

    def track(self, tracking_number: str) -> Tracking:
        """Ask where a parcel is; asking twice gives the same tracker."""
        asked = {"tracker": {"tracking_code": tracking_number}}
        return _tracking(_call("POST", "trackers", asked))

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Tracking | None:
        """Verify and read an event; ``None`` if it is not about a tracker."""
        signed = headers.get(SIGNATURE, "")
        if not hmac.compare_digest(signed.encode(), _signature(body).encode()):
            raise CarrierWebhookInvalid("EasyPost: the signature does not fit")
        try:
            event = orjson.loads(body)
            if not event["description"].startswith("tracker."):
                return None
            return _tracking(event["result"])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CarrierWebhookInvalid("EasyPost: the event is unreadable") from error
        except CarrierAway as error:
            raise CarrierWebhookInvalid(str(error)) from error


def _shipment(parcel: Parcel) -> dict[str, Any]:
    address = parcel.address
    ounces = round(parcel.weight / GRAMS_PER_OUNCE, 1)
    return {
        "from_address": {"id": settings.EASYPOST_SENDER},
        "to_address": {
            "name": address.get("recipient", ""),
            "phone": address.get("phone", ""),
            "street1": address.get("line1", ""),
            "street2": address.get("line2", ""),
            "city": address.get("city", ""),
            "zip": address.get("postal_code", ""),
            "country": address.get("country") or settings.SHOP_COUNTRY,
        },
        "parcel": {"weight": max(0.1, float(ounces))},
    }


def _call(method: str, path: str, body: Any = None) -> dict[str, Any]:
    url = f"{settings.EASYPOST_API_URL}/v2/{path}"
    try:
        reply = http.call(method, url, json=body, auth=(settings.EASYPOST_API_KEY, ""))
        found = reply.json()
    except http.Refused as error:
        raise CarrierRefused(str(error)) from error
    except http.Away as error:
        raise CarrierAway(str(error)) from error
    if not isinstance(found, dict):
        raise CarrierAway("EasyPost: an answer that is no object")
    return found


def _find(reference: str) -> dict[str, Any] | None:
    try:
        return _call("GET", f"shipments/{reference}")
    except CarrierRefused as error:
        cause = error.__cause__
        if isinstance(cause, http.Refused) and cause.status == NOT_FOUND:
            return None
        raise


def _buy(shipment: Mapping[str, Any], service: str) -> dict[str, Any]:
    try:
        path = f"shipments/{quote(shipment['id'], safe='')}"
        rate = next((r for r in shipment["rates"] if _service(r) == service), None)
    except (LookupError, TypeError) as error:
        raise CarrierAway("EasyPost: a shipment that is none") from error
    if rate is None:
        raise CarrierRefused(f"EasyPost: {service} does not take this parcel")
    try:
        return _call("POST", f"{path}/buy", {"rate": {"id": rate["id"]}})
    except CarrierRefused:
        # Bought by a call whose answer was lost, or by another worker meanwhile.
        again = _call("GET", path)
        if again.get("postage_label"):
            return again
        raise


def _label(shipment: Mapping[str, Any]) -> Label:
    try:
        return Label(
            tracking_number=str(shipment["tracking_code"]),
            tracking_url=str(shipment["tracker"]["public_url"]),
            label_url=str(shipment["postage_label"]["label_url"]),
            cost=_cost(shipment["selected_rate"]) or 0,
        )
    except (LookupError, TypeError) as error:
        raise CarrierAway("EasyPost: a label without its parts") from error


def _offered(shipment: Mapping[str, Any]) -> list[Offered]:
    try:
        return [
            Offered(_service(rate), cost, _days(rate))
            for rate in shipment["rates"]
            if (cost := _cost(rate)) is not None
        ]
    except (LookupError, TypeError, InvalidOperation) as error:
        raise CarrierAway("EasyPost: prices that are none") from error


def _failures(shipment: Mapping[str, Any]) -> str:
    told = shipment.get("messages") or []
    return "; ".join(
        f"{one.get('carrier')}: {one.get('message')}"
        for one in told
        if isinstance(one, dict) and one.get("type") == FAILED
    )


def _service(rate: Mapping[str, Any]) -> str:
    return f"{rate['carrier']}/{rate['service']}"


def _cost(rate: Mapping[str, Any]) -> int | None:
    if rate["currency"] != settings.SHOP_CURRENCY:
        return None
    cost = Decimal(str(rate["rate"]))
    if not cost.is_finite() or not 0 <= cost < TOO_DEAR:
        raise InvalidOperation
    return from_major(cost)


def _days(rate: Mapping[str, Any]) -> int | None:
    days = rate.get("delivery_days")
    return days if type(days) is int and 0 <= days <= 365 else None  # noqa: PLR2004


def _tracking(tracker: Mapping[str, Any]) -> Tracking:
    try:
        number = str(tracker["tracking_code"])
        scans = [
            _scan(number, detail)
            for detail in tracker["tracking_details"]
            # Returns and failures are the staff's to judge; they move nothing on.
            if detail["status"] in STATES
        ]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CarrierAway("EasyPost: a tracker that is none") from error
    return Tracking(number, sorted(scans, key=lambda scan: scan.happened_at))


def _scan(number: str, detail: Mapping[str, Any]) -> Scan:
    place = detail.get("tracking_location") or {}
    told = (number, detail["datetime"], detail["status"], detail.get("message") or "")
    happened_at = datetime.fromisoformat(detail["datetime"])
    if happened_at.tzinfo is None:
        raise ValueError("a moment without its zone")
    return Scan(
        # They have no ids of their own.
        event_id=hashlib.sha256("\n".join(told).encode()).hexdigest()[:32],
        state=STATES[detail["status"]],
        text=told[3],
        place=", ".join(filter(None, (place.get("city"), place.get("country")))),
        happened_at=happened_at,
    )


def _signature(body: bytes) -> str:
    secret = unicodedata.normalize("NFKD", settings.EASYPOST_WEBHOOK_SECRET)
    if not secret:
        # Anybody could sign with nothing.
        raise CarrierWebhookInvalid("EASYPOST_WEBHOOK_SECRET is not set")
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return f"hmac-sha256-hex={digest}"
