"""What can go wrong with payments."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict


class PaymentProcessing(Conflict):
    """A payment of this order is under way at a provider."""

    code = "payment_processing"

    def __init__(self) -> None:
        super().__init__(_("A payment for this order is being processed."))
