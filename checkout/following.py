"""What carriers say of our parcels: when they are asked, and when they tell.

Nobody is asked inside a transaction. What is said is decided in
``checkout/parcels.py``, whichever way it came.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from checkout.errors import CarrierNotOffered, CarrierUnavailable
from checkout.parcels import record_tracking
from common.breaker import Breaker
from common.db import use_case
from delivery.carriers import carrier, offered
from delivery.carriers.base import (
    CarrierAway,
    CarrierError,
    CarrierRefused,
    CarrierWebhookInvalid,
)
from orders import parcels
from orders.parcels import Due
from payments.errors import WebhookRejected

logger = logging.getLogger(__name__)

MOST_LOOKS = 50  # parcels that one sweep asks after
# Others want the worker, too; a sweep begins as often.
LONGEST_RUN = 15.0  # seconds
# A carrier that is away is asked again soon; one that knows no such parcel, later.
SOON, LATER = timedelta(minutes=1), timedelta(hours=6)
breaker = Breaker()


def follow_parcels() -> int:
    """Ask carriers after parcels that are under way; return how many answered.

    Each parcel is one worker's, and ever less often. What cannot be asked now, because
    its carrier is away or others took long, is put off a little.
    """
    codes = [one.code for one in offered() if breaker.may_try(one.code)]
    end = time.monotonic() + LONGEST_RUN
    answered, unasked = 0, []
    for parcel in _claim(codes):
        if time.monotonic() < end and breaker.may_try(parcel.carrier_code):
            answered += _ask(parcel)
        else:
            unasked.append(parcel.id)
    _put_off(unasked, SOON)
    return answered


def receive_webhook(code: str, headers: Mapping[str, str], body: bytes) -> int:
    """Verify and take down a carrier's message; return how many parcels it concerned.

    Raises ``CarrierNotOffered``, ``WebhookRejected``, or ``CarrierUnavailable`` if what
    it says cannot be looked up now.
    """
    adapter = carrier(code)
    if adapter is None:
        raise CarrierNotOffered
    try:
        tracking = adapter.read_webhook(headers, body)
    except CarrierWebhookInvalid:
        raise WebhookRejected from None
    except CarrierError:
        raise CarrierUnavailable from None
    return 0 if tracking is None else record_tracking(code, tracking)


def _ask(parcel: Due) -> int:
    adapter = carrier(parcel.carrier_code)
    if adapter is None:
        return 0
    try:
        tracking = adapter.track(parcel.tracking_number)
        breaker.answered(parcel.carrier_code)
        record_tracking(parcel.carrier_code, tracking)
    except CarrierRefused as error:
        logger.warning("%s: %s", parcel.carrier_code, error)
        breaker.answered(parcel.carrier_code)
        _put_off([parcel.id], LATER)
        return 0
    except CarrierAway as error:
        logger.warning("%s is away: %s", parcel.carrier_code, error)
        breaker.failed(parcel.carrier_code)
        _put_off([parcel.id], SOON)
        return 0
    except Exception:
        # One parcel's trouble is not the others'.
        logger.exception("parcel %s could not be asked after", parcel.id)
        return 0
    return 1


@use_case
def _claim(codes: Sequence[str]) -> list[Due]:
    return parcels.claim_due(carriers=codes, limit=MOST_LOOKS) if codes else []


@use_case
def _put_off(parcel_ids: Sequence[int], after: timedelta) -> None:
    if parcel_ids:
        parcels.look_again(parcel_ids, after=after)
