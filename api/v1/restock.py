"""Being told when a sold-out product is back, with one kept for half an hour."""

from rest_framework.response import Response

from api.schema import operation
from api.typing import AuthenticatedRequest
from api.views import PersonalView
from inventory import services as inventory
from inventory.models import RestockAlert


class BackInStockView(PersonalView):
    """The shopper's place in the line for a product."""

    @operation(
        "products_alert",
        "Ask to be told when it is back",
        reply={204: None},
        problems=(404, 409),
    )
    def put(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Join the line for a sold-out product; joining twice keeps the place.

        Of what comes back, one unit each is kept for the first in the line, for 30
        minutes, before others can buy. `in_stock`: there is something to buy now.
        """
        inventory.alert(
            product_id=product_id,
            user_id=request.user.pk,
            email="",
            language=request.user.language,
        )
        return Response(status=204)

    @operation("products_cancel-alert", "Stop waiting", reply={204: None})
    def delete(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Leave the line, or give up what is kept; not being in it is fine."""
        own = RestockAlert.objects.of(user_id=request.user.pk, email="").open()
        alert = own.filter(product=product_id).first()
        if alert is not None:
            inventory.cancel_alert(alert_id=alert.pk)
        return Response(status=204)
