"""Being told when a sold-out product is back, with one kept for half an hour."""

from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from api.fields import Input, clean
from api.schema import operation
from api.views import GuestView
from common.languages import reader_language
from inventory import services as inventory
from inventory.models import RestockAlert


class AlertInput(Input):
    email = serializers.EmailField(
        required=False, max_length=254, help_text="Of a guest, who needs one."
    )


ALERT = AlertInput()


class BackInStockView(GuestView):
    """The shopper's place in the line for a product."""

    @operation(
        "products_alert",
        "Ask to be told when it is back",
        body=ALERT,
        reply={204: None},
        example={"email": "min-ji@example.com"},
        problems=(404, 409),
    )
    def put(self, request: Request, product_id: int) -> Response:
        """Join the line for a sold-out product; joining twice keeps the place.

        Of what comes back, one unit each is kept for the first in the line, for 30
        minutes, before others can buy. `in_stock`: there is something to buy now.
        """
        asked = clean(ALERT, request)
        user = request.user if isinstance(request.user, User) else None
        if user is None and "email" not in asked:
            message = serializers.Field.default_error_messages["required"]
            raise ValidationError({"email": [message]}, code="required")
        inventory.alert(
            product_id=product_id,
            user_id=user.pk if user else None,
            email="" if user else asked["email"],
            language=user.language if user else reader_language(),
        )
        return Response(status=204)

    @operation(
        "products_cancel-alert", "Stop waiting", reply={204: None}, problems=(401,)
    )
    def delete(self, request: Request, product_id: int) -> Response:
        """Leave the line, or give up what is kept; not being in it is fine.

        Guests leave it by the link in the letter that they get.
        """
        if request.user.pk is None:
            raise NotAuthenticated
        own = RestockAlert.objects.of(user_id=request.user.pk, email="").open()
        alert = own.filter(product=product_id).first()
        if alert is not None:
            inventory.cancel_alert(alert_id=alert.pk)
        return Response(status=204)
