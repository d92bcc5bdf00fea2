"""What staff are asked for when goods of an order go out, or money goes back."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from checkout.standing import LineStanding
from delivery.carriers import offered

# Rows that are only read, in a table that can be scrolled on a phone.
INLINE = "admin/orders/inline.html"


def carriers() -> list[tuple[str, Any]]:
    """Return the carriers that make labels for us, and nobody of them."""
    nobody = ("", _("Another one, named below"))
    return [nobody, *((one.code, one.label) for one in offered())]


class ShipForm(forms.Form):
    """Asks who carries the parcel: somebody who is asked for a label, or who has it."""

    carrier_code = forms.ChoiceField(
        label=_("Label from"), choices=carriers, required=False
    )
    service = forms.CharField(
        label=_("Its service"),
        max_length=80,
        required=False,
        help_text=_("Empty: the order's own, or the cheapest."),
    )
    carrier = forms.CharField(label=_("Carrier"), max_length=60, required=False)
    tracking_number = forms.CharField(
        label=_("Tracking number"), max_length=80, required=False
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not given.get("carrier_code") and not given.get("carrier"):
            self.add_error("carrier", str(_("This field is required.")))
        return given


class LinesForm(forms.Form):
    """Asks for a number of units of each line, up to what is left of it."""

    def __init__(
        self, *args: Any, lines: list[LineStanding], left: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines = [line for line in lines if left(line)]
        for line in self.lines:
            self.fields[f"line_{line.line_id}"] = _units(line, left(line))

    def rows(self) -> list[tuple[LineStanding, Any]]:
        """Return each line with its field."""
        return [(line, self[f"line_{line.line_id}"]) for line in self.lines]

    def units(self, prefix: str = "line") -> dict[int, int]:
        """Return what was asked for, by line id."""
        values = {
            line.line_id: self.cleaned_data.get(f"{prefix}_{line.line_id}") or 0
            for line in self.lines
        }
        return {line_id: value for line_id, value in values.items() if value}


class ShipPartForm(ShipForm, LinesForm):
    """What goes into the parcel, and who carries it."""


class RefundForm(LinesForm):
    """What is given back, how much of it is broken, and why."""

    delivery = forms.IntegerField(
        label=_("Of the delivery cost"),
        min_value=0,
        required=False,
        help_text=_("Empty: all of it with the last goods if nothing was ever sent."),
    )
    way = forms.ChoiceField(
        label=_("Goes back"),
        choices=[("origin", _("to where it came from")), ("points", _("as points"))],
        required=False,
    )
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, has_account: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_account:
            # A guest has no points.
            del self.fields["way"]
        for line in self.lines:
            self.fields[f"line_{line.line_id}"].initial = 0
            self.fields[f"broken_{line.line_id}"] = field = _units(
                line, line.left_to_send
            )
            field.initial = 0
            field.widget.attrs["aria-label"] = str(
                _("Broken: %(name)s") % {"name": line.name}
            )

    def triples(self) -> list[tuple[LineStanding, Any, Any]]:
        """Return each line with its two fields."""
        return [
            (line, self[f"line_{line.line_id}"], self[f"broken_{line.line_id}"])
            for line in self.lines
        ]

    def goes_as_points(self) -> bool:
        """Tell whether money of providers, too, goes back as points."""
        return self.cleaned_data.get("way") == "points"

    def restock(self) -> dict[int, int]:
        """Return what goes back on the shelf."""
        wanted, broken = self.units(), self.units("broken")
        return {pk: max(0, n - broken.get(pk, 0)) for pk, n in wanted.items()}


class ReturnForm(LinesForm):
    """What a shopper sends back, and why."""

    reason = forms.CharField(label=_("Reason"), max_length=500)


def _units(line: LineStanding, most: int) -> forms.IntegerField:
    field = forms.IntegerField(min_value=0, max_value=most, required=False)
    field.initial = most
    field.widget.attrs["aria-label"] = line.name
    return field
