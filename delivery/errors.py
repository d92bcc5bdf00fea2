"""What can go wrong on the way to the shopper's door."""

from django.utils.translation import gettext_lazy as _

from common.errors import Invalid


class PickupPointUnavailable(Invalid):
    """There is no such place, or not for this way of delivery."""

    code = "pickup_point_unavailable"

    def __init__(self) -> None:
        super().__init__(_("Parcels cannot be picked up there."))
