"""What can go wrong with telling other systems."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, NotFound


class EndpointNotFound(NotFound):
    """There is no such webhook endpoint."""

    code = "webhook_endpoint_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such webhook endpoint."))


class EndpointRefused(Invalid):
    """Nothing is sent to this address: it is no public one, or not HTTPS."""

    code = "webhook_url_refused"

    def __init__(self, *, why: str) -> None:
        super().__init__(_("Nothing can be sent to this address."), why=why)


class TooManyEndpoints(Conflict):
    """The shop tells so many systems and no more; ``limit`` says how many."""

    code = "too_many_webhook_endpoints"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("There are %(limit)s webhook endpoints already.") % {"limit": limit},
            limit=limit,
        )


class EndpointDisabled(Conflict):
    """Nothing is sent to an endpoint that is switched off."""

    code = "webhook_endpoint_disabled"

    def __init__(self) -> None:
        super().__init__(_("This endpoint is switched off. Switch it on first."))


class DeliveryNotFound(NotFound):
    """There is no such delivery."""

    code = "delivery_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such delivery."))
