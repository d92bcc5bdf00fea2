"""The only code that writes parcels. Whoever calls holds the lock of their order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from common.db import requires_transaction, run
from delivery.carriers.base import ParcelState, Scan
from orders.models import (
    PARCEL_STAGES,
    Fulfilment,
    FulfilmentEvent,
    FulfilmentLine,
    Order,
    ParcelStage,
)

# Until a parcel's carrier is asked for the first time.
FIRST_LOOK = timedelta(seconds=10)
# Carriers' clocks are not ours.
AHEAD = timedelta(days=1)
LONGEST_LINK = 300
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# A parcel is asked after ever less often, and for three months at most. The claim says
# when the next look is due, so a worker that dies with it costs one look.
CLAIM_SQL = """
    UPDATE orders_fulfilment AS parcel
       SET next_look_at = statement_timestamp() + greatest(interval '15 seconds',
               least(interval '1 hour',
                     (statement_timestamp() - parcel.shipped_at) / 4))
     WHERE parcel.id IN (
           SELECT id FROM orders_fulfilment
            WHERE next_look_at <= statement_timestamp() AND delivered_at IS NULL
              AND carrier_code <> ''
              AND carrier_code = ANY(%(carriers)s::text[])
              AND shipped_at > statement_timestamp() - interval '90 days'
            ORDER BY next_look_at LIMIT %(limit)s
              FOR NO KEY UPDATE SKIP LOCKED)
 RETURNING parcel.id, parcel.carrier_code, parcel.tracking_number
"""


@dataclass(frozen=True, slots=True)
class Shipment:
    """Who carries a parcel; ``carrier_code`` is its adapter's, if the shop has one."""

    carrier: str
    carrier_code: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    label_url: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """A parcel whose carrier is to be asked now."""

    id: int
    carrier_code: str
    tracking_number: str


@requires_transaction
def send(order: Order, shipment: Shipment, quantities: Mapping[int, int]) -> Fulfilment:
    """Record a parcel with units of a locked order, by line id."""
    parcel = Fulfilment.objects.create(
        order=order,
        carrier=shipment.carrier,
        carrier_code=shipment.carrier_code,
        tracking_number=shipment.tracking_number[:80],
        tracking_url=_link(shipment.tracking_url),
        label_url=_link(shipment.label_url),
        next_look_at=Now() + FIRST_LOOK if shipment.carrier_code else None,
    )
    FulfilmentLine.objects.bulk_create(
        FulfilmentLine(fulfilment=parcel, order_line_id=line_id, quantity=quantity)
        for line_id, quantity in sorted(quantities.items())
    )
    return parcel


@requires_transaction
def is_sent(order: Order, shipment: Shipment) -> bool:
    """Tell whether a locked order's goods went with this very label already."""
    if not shipment.carrier_code or not shipment.tracking_number:
        return False
    return order.fulfilments.filter(
        carrier_code=shipment.carrier_code,
        tracking_number=shipment.tracking_number[:80],
    ).exists()


@requires_transaction
def take_down(parcel: Fulfilment, scans: Sequence[Scan]) -> ParcelStage | None:
    """Keep what a carrier says of a parcel; return its stage if that is a later one.

    Scans that are known, late or out of order change nothing.
    """
    usable = [scan for scan in scans if _is_usable(scan)]
    FulfilmentEvent.objects.bulk_create(
        (
            FulfilmentEvent(
                fulfilment=parcel,
                event_id=_plain(scan.event_id)[:100],
                stage=stage_of(scan.state),
                text=_plain(scan.text)[:200],
                place=_plain(scan.place)[:120],
                happened_at=scan.happened_at,
            )
            for scan in usable
        ),
        ignore_conflicts=True,
    )
    before = ParcelStage(parcel.stage)
    furthest = _furthest([before, *(stage_of(scan.state) for scan in usable)])
    if furthest == before:
        return None
    arrivals = [
        scan.happened_at for scan in usable if scan.state == ParcelState.DELIVERED
    ]
    _move(parcel, furthest, min(arrivals, default=None))
    return furthest


@requires_transaction
def arrive(order: Order, *, said_by: str) -> None:
    """Record that all parcels of a locked order have arrived, as somebody says."""
    for parcel in order.fulfilments.under_way().order_by("pk"):
        FulfilmentEvent.objects.create(
            fulfilment=parcel,
            event_id=f"shop/{said_by}",
            stage=ParcelStage.DELIVERED,
        )
        _move(parcel, ParcelStage.DELIVERED, None)


def all_arrived(order: Order) -> bool:
    """Tell whether every parcel of an order has arrived."""
    return not order.fulfilments.under_way().exists()


@requires_transaction
def claim_due(*, carriers: Iterable[str], limit: int) -> list[Due]:
    """Take parcels of these carriers that are to be asked after, each by one worker."""
    params = {"carriers": list(carriers), "limit": limit}
    return [Due(*row) for row in run(CLAIM_SQL, params).rows()]


@requires_transaction
def look_again(parcel_ids: Iterable[int], *, after: timedelta) -> None:
    """Ask after these parcels in a while, whatever was planned."""
    Fulfilment.objects.under_way().filter(pk__in=list(parcel_ids)).update(
        next_look_at=Now() + after
    )


def find(carrier_code: str, tracking_number: str) -> list[tuple[int, object]]:
    """Return id and order id of the parcels that a carrier knows by this number."""
    named = Q(carrier_code=carrier_code, tracking_number=tracking_number)
    if not tracking_number:
        return []
    found = Fulfilment.objects.filter(named).order_by("order_id", "pk")
    return list(found.values_list("pk", "order_id"))


def stage_of(state: ParcelState) -> ParcelStage:
    """Return a carrier's word in ours: what is only packed there has left us."""
    return (
        ParcelStage.SHIPPED if state == ParcelState.PACKED else ParcelStage(state.value)
    )


def _furthest(stages: Sequence[ParcelStage]) -> ParcelStage:
    return max(stages, key=PARCEL_STAGES.index)


def _move(parcel: Fulfilment, stage: ParcelStage, arrived_at: datetime | None) -> None:
    parcel.stage = stage
    if stage != ParcelStage.DELIVERED:
        parcel.save(update_fields=["stage"])
        return
    now = Now()
    parcel.delivered_at = (
        now if arrived_at is None else Greatest("shipped_at", Least(arrived_at, now))
    )
    parcel.next_look_at = None
    parcel.save(update_fields=["stage", "delivered_at", "next_look_at"])
    parcel.refresh_from_db(fields=["delivered_at"])


def _link(url: str) -> str:
    # Half an address leads nowhere.
    return url if len(url) <= LONGEST_LINK else ""


def _is_usable(scan: Scan) -> bool:
    return LONG_AGO < scan.happened_at < timezone.now() + AHEAD


def _plain(text: str) -> str:
    return text.replace("\0", "")
