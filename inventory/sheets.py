"""Stock as a table: out as it stands, in as movements with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from catalog.models import Product
from common.errors import DomainError
from common.importing import Job, Row, SheetImport, Whole, column, shown
from inventory.bulk import Step, adjust_many
from inventory.models import ALWAYS_FEWER, ALWAYS_MORE, STAFF_KINDS, MovementKind

MOST = 10**9
USUAL = MovementKind.RECEIVED


class StockSheet(SheetImport):
    """A row moves the stock of one product: by so many, or to what was counted."""

    asked = ("kind", "change", "counted", "reference", "note")

    sku = column("sku")
    name = shown("name")
    on_hand = shown("on_hand", Whole(), reads="stock__on_hand")
    reserved = shown("reserved", Whole(), reads="stock__reserved")
    available = shown("available", Whole(), reads="stock__available")
    kind = column("kind")
    change = column("change", Whole())
    counted = column("counted", Whole())
    reference = column("reference")
    note = column("note")

    class Meta(SheetImport.Meta):
        model = Product
        fields = (
            *("sku", "name", "on_hand", "reserved", "available"),
            *("kind", "change", "counted", "reference", "note"),
        )

    def get_queryset(self) -> QuerySet[Product]:
        heavy = ("search", "description", "other_names", "other_descriptions")
        return Product.objects.select_related("stock").defer(*heavy)

    def skip_row(
        self,
        instance: Any,
        original: Any,
        row: Any,
        import_validation_errors: Any = None,
    ) -> bool:
        # A row without a number is a line of an export that nobody wrote into.
        moves = _given(instance, "change") or _given(instance, "counted") is not None
        return not import_validation_errors and not moves

    def check(self, thing: Any) -> None:
        delta, counted = _given(thing, "change"), _given(thing, "counted")
        wrong: dict[str, Any] = {}
        if len(_given(thing, "reference") or "") > 64:  # noqa: PLR2004 — the column's
            wrong["reference"] = _("This is too long.")
        if len(_given(thing, "note") or "") > 200:  # noqa: PLR2004 — the column's
            wrong["note"] = _("This is too long.")
        if delta and counted is not None:
            wrong["counted"] = _("Say how many more or fewer, or how many there are.")
        elif delta:
            wrong |= _wrong_change(thing, delta)
        elif counted is not None:
            wrong |= _wrong_count(thing, counted)
        if wrong:
            raise ValidationError(wrong)

    def write(self, rows: Sequence[Row], job: Job, place: str) -> Mapping[int, str]:
        steps = [_step(row.number, row.thing, job) for row in rows]

        def move() -> Mapping[int, DomainError]:
            # Whatever was sold since the file came is taken off what was counted.
            return adjust_many(steps, counted_at=job.uploaded_at, actor_id=job.actor_id)

        return job.once(place, move, rows=len(rows))


def _step(number: int, thing: Any, job: Job) -> Step:
    counted = _given(thing, "counted")
    return Step(
        number=number,
        product_id=thing.pk,
        kind=_kind(thing) if counted is None else MovementKind.COUNTED,
        delta=_given(thing, "change") or 0,
        counted=counted,
        reference=_given(thing, "reference") or "",
        reason=(_given(thing, "note") or job.reason)[:200],
    )


def _wrong_change(thing: Any, delta: int) -> dict[str, Any]:
    name = _given(thing, "kind") or USUAL
    if name not in STAFF_KINDS:
        text = _("Not one of %(kinds)s.") % {"kinds": ", ".join(STAFF_KINDS)}
        return {"kind": text}
    if abs(delta) > MOST or name in (ALWAYS_MORE if delta < 0 else ALWAYS_FEWER):
        return {"change": _("This kind of movement needs another amount.")}
    stock = getattr(thing, "stock", None)
    left = (stock.available if stock else 0) + delta
    if left < 0:
        return {"change": _("That is more than is available.")}
    return {}


def _wrong_count(thing: Any, counted: int) -> dict[str, Any]:
    if _given(thing, "kind") not in {None, "", MovementKind.COUNTED}:
        return {"kind": _("What was counted is of the kind counted.")}
    if not 0 <= counted <= MOST:
        return {"counted": _("This is no number of pieces.")}
    stock = getattr(thing, "stock", None)
    if stock is not None and counted < stock.reserved:
        return {"counted": _("Less than is reserved for unpaid orders.")}
    return {}


def _kind(thing: Any) -> MovementKind:
    return MovementKind(_given(thing, "kind") or USUAL)


def _given(thing: Any, name: str) -> Any:
    """Return what a row says, ``None`` if the file has no such column."""
    return getattr(thing, name, None)
