"""How staff find an order: by whatever somebody names it by."""

from django.db.models import QuerySet

from accounts.models import User
from orders.models import Fulfilment, Order, OrderLine

# Of a shorter beginning there are too many addresses.
SHORTEST_EMAIL = 3


def orders_named(term: str) -> QuerySet[Order]:
    """Keep the orders that a term could name; each way of naming has its index.

    That is an order's number, the beginning of its e-mail address or the whole of its
    shopper's today, a phone number however it is written, the SKU of one of its
    products, or the number of one of its parcels.
    """
    term = term.strip()
    spellings = {term, term.upper()}
    owners = User.objects.filter(email=term.lower())
    lines = OrderLine.objects.filter(product__sku__in=spellings)
    parcels = Fulfilment.objects.filter(tracking_number__in=spellings - {""})
    ids = Order.objects.filter(number=term.upper()).values("pk")
    named = [
        Order.objects.filter(user__in=owners).values("pk"),
        Order.objects.of_phone(term).values("pk"),
        lines.order_by().values("order"),
        parcels.order_by().values("order"),
    ]
    if len(term) >= SHORTEST_EMAIL:
        named.append(Order.objects.of_email(term).values("pk"))
    # One after the other: "or" over several tables would look at every order.
    return Order.objects.filter(pk__in=ids.union(*named))
