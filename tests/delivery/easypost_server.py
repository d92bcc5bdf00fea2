"""EasyPost's API v2, as its documentation tells it, for one account."""

import base64
import hashlib
import hmac
import json
from itertools import count
from typing import Any

from tests.servers import Answer, Call, LocalServer

KEY = "EZTK-test"
SECRET = "s\u00e9cret of the hook"
SENDER = "adr_shop"
# Name, dollars before the first ounce, days.
SERVICES = (("Priority", 7, 2), ("GroundAdvantage", 5, None))


class EasyPostServer(LocalServer):
    """Sells two services of one carrier; what it costs follows from the weight."""

    def __init__(self) -> None:
        super().__init__()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.trackers: dict[str, dict[str, Any]] = {}
        self.currency = "USD"
        # Carriers' complaints that come with the prices, and whether there are any.
        self.messages: list[dict[str, str]] = []
        self.has_rates = True
        self._ids = count(1)

    def answer(self, call: Call) -> Answer:
        if call.headers.get("authorization") != _basic(KEY):
            return _error(401, "APIKEY.INACTIVE", "This api key is no longer active.")
        match call.path.strip("/").split("/"):
            case ["v2", "shipments"] if call.method == "POST":
                return self._ship(call.json()["shipment"])
            case ["v2", "shipments", name] if call.method == "GET":
                return self._find(name)
            case ["v2", "shipments", name, "buy"] if call.method == "POST":
                return self._buy(name, call.json()["rate"]["id"])
            case ["v2", "trackers"] if call.method == "POST":
                return self._track(call.json()["tracker"]["tracking_code"])
        return _error(404, "NOT_FOUND", "The requested resource could not be found.")

    def bought(self) -> list[dict[str, Any]]:
        """Return the shipments that were paid for."""
        return [one for one in self.shipments.values() if one["postage_label"]]

    def scan(self, code: str, status: str, at: str, *, city: str = "") -> None:
        """Let a parcel be seen somewhere."""
        self.trackers[code]["status"] = status
        self.trackers[code]["tracking_details"].append(
            {
                "object": "TrackingDetail",
                "message": f"Parcel is {status}",
                "status": status,
                "status_detail": "status_update",
                "datetime": at,
                "source": "USPS",
                "tracking_location": {
                    "object": "TrackingLocation",
                    "city": city or None,
                    "state": None,
                    "country": "US" if city else None,
                    "zip": None,
                },
            }
        )

    def _ship(self, asked: dict[str, Any]) -> Answer:
        sender, to = asked["from_address"], asked["to_address"]
        if sender != {"id": SENDER} or not to["country"]:
            return _error(422, "SHIPMENT.INVALID_PARAMS", "Unable to create shipment")
        number = f"shp_{next(self._ids):032x}"
        ounces = asked["parcel"]["weight"]
        self.shipments[number] = shipment = {
            "id": number,
            "object": "Shipment",
            "reference": asked.get("reference"),
            "to_address": to,
            "parcel": {"object": "Parcel", "weight": ounces},
            "messages": self.messages,
            "rates": self._rates(number, ounces) if self.has_rates else [],
            "selected_rate": None,
            "postage_label": None,
            "tracker": None,
            "tracking_code": None,
        }
        return Answer(201, shipment)

    def _rates(self, number: str, ounces: float) -> list[dict[str, Any]]:
        return [
            {
                "id": f"rate_{number}_{service}",
                "object": "Rate",
                "carrier": "USPS",
                "service": service,
                "rate": f"{base + ounces / 10:.2f}",
                "currency": self.currency,
                "delivery_days": days,
                "est_delivery_days": days,
                "shipment_id": number,
            }
            for service, base, days in SERVICES
        ]

    def _find(self, name: str) -> Answer:
        found = self._named(name)
        if found is None:
            return _error(404, "SHIPMENT.NOT_FOUND", "The shipment could not be found.")
        return Answer(200, found)

    def _named(self, name: str) -> dict[str, Any] | None:
        named = [one for one in self.shipments.values() if one["reference"] == name]
        return self.shipments.get(name) or (named[0] if named else None)

    def _buy(self, name: str, rate_id: str) -> Answer:
        shipment = self._named(name)
        rates = {rate["id"]: rate for rate in shipment["rates"]} if shipment else {}
        if shipment is None or rate_id not in rates:
            return _error(404, "NOT_FOUND", "The rate could not be found.")
        if shipment["postage_label"]:
            return _error(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists.")
        code = f"EZ{next(self._ids):010}"
        shipment |= {
            "tracking_code": code,
            "selected_rate": rates[rate_id],
            "postage_label": {
                "object": "PostageLabel",
                "label_url": f"https://files.example/{code}.png",
            },
            "tracker": self._tracker(code),
        }
        return Answer(200, shipment)

    def _track(self, code: str) -> Answer:
        if not code.startswith("EZ"):
            return _error(422, "TRACKER.CREATE.ERROR", "Invalid tracking code.")
        return Answer(201, self._tracker(code))

    def _tracker(self, code: str) -> dict[str, Any]:
        new = {
            "id": f"trk_{code}",
            "object": "Tracker",
            "tracking_code": code,
            "status": "unknown",
            "carrier": "USPS",
            "tracking_details": [],
            "public_url": f"https://track.example/{code}",
        }
        return self.trackers.setdefault(code, new)


def event(tracker: dict[str, Any], description: str = "tracker.updated") -> bytes:
    """Return the body of a webhook."""
    body = {
        "id": "evt_1",
        "object": "Event",
        "description": description,
        "mode": "test",
        "previous_attributes": {"status": "unknown"},
        "result": tracker,
    }
    return json.dumps(body).encode()


def sign(body: bytes, secret: bytes = b"se\xcc\x81cret of the hook") -> dict[str, str]:
    """Return its headers; the secret is signed with in its decomposed form (NFKD)."""
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {"x-hmac-signature": f"hmac-sha256-hex={digest}"}


def _basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message, "errors": []}})
