"""Whoever carries the parcels, one file each; switched on by settings."""

from django.conf import settings

from delivery.carriers.base import Carrier
from delivery.carriers.easypost import EasyPost
from delivery.carriers.sandbox import Sandbox

_CARRIERS: dict[str, Carrier] = {one.code: one for one in (EasyPost(), Sandbox())}


def carrier(code: str) -> Carrier | None:
    """Return the carrier of that name if the settings switch it on."""
    # It makes parcels up: nobody may be told that theirs has arrived.
    is_false = code == Sandbox.code and settings.PRODUCTION
    is_on = code in settings.CARRIERS and not is_false
    return _CARRIERS.get(code) if is_on else None


def offered() -> list[Carrier]:
    """Return the carriers that the settings switch on, in their order."""
    found = (carrier(code) for code in settings.CARRIERS)
    return [one for one in found if one is not None]
