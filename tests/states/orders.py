"""Orders and carts in the states that the pages' tests look at."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from cart import services as carts
from catalog.models import Product
from checkout import services as checkout
from checkout.services import Purchase
from orders.models import Order, OrderStatus
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory

ADDRESS = {
    "recipient": "Lee Ji-won",
    "phone": "+82 10-0000-0000",
    "postal_code": "06164",
    "city": "Seoul",
    "line1": "513 Yeongdong-daero",
    "line2": "",
    "country": "KR",
}
FIELDS = ("recipient", "phone", "postal_code", "city", "line1")


def shopper(points: int = 100_000) -> User:
    """Return somebody with points, in a shop that delivers."""
    DeliveryMethodFactory.create()
    return UserFactory.create(points=points)


def moon_jar(price: int = 18_500, stock: int = 10) -> Product:
    """Return the product that most of these tests are about."""
    return ProductFactory.create(name="Moon jar", price=price, stock_on_hand=stock)


def fill_cart(user: User, *products: Product, quantity: int = 1) -> None:
    """Put products into somebody's cart."""
    cart = carts.of_user(user.pk)
    for product in products:
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=quantity)


def placed(
    user: User | None,
    *products: Product,
    quantity: int = 1,
    coupon_id: int | None = None,
    email: str = "guest@example.com",
) -> Order:
    """Return an order that waits for its payment; ``None`` is a guest's."""
    draft = checkout.place_order(
        Purchase(
            user_id=user.pk if user else None,
            email=user.email if user else email,
            quantities={one.pk: quantity for one in products or (moon_jar(),)},
            coupon_id=coupon_id,
            address=ADDRESS,
            delivery_method="standard",
        )
    )
    return Order.objects.get(pk=draft.id)


def order_in(status: OrderStatus, user: User, *products: Product) -> Order:
    """Return somebody's order in a status, by the shop's own services."""
    order = placed(user, *products)
    if status == OrderStatus.CANCELLED:
        cancel(order)
    elif status == OrderStatus.EXPIRED:
        make_late(order)
        checkout.expire(order.pk)
    elif status != OrderStatus.PENDING:
        _bring_to(status, order)
    order.refresh_from_db()
    return order


def cancel(order: Order) -> None:
    """Call an order off as its shopper would."""
    user_id = order.user_id
    checkout.cancel(
        order_id=order.pk, user_id=user_id, actor_id=user_id, reason="shopper"
    )


def make_late(order: Order) -> None:
    """Let the time to pay be over."""
    past = timezone.now() - timedelta(seconds=1)
    Order.objects.filter(pk=order.pk).update(expires_at=past)


def ship(order: Order, number: str = "681122334455") -> None:
    """Hand all of a packed order to a carrier."""
    checkout.ship(
        order_id=order.pk,
        carrier="CJ Logistics",
        tracking_number=number,
        actor_id=None,
    )


def _bring_to(status: OrderStatus, order: Order) -> None:
    checkout.pay(user_id=order.user_id, order_id=order.pk)
    if status == OrderStatus.PAID:
        return
    checkout.pack(order_id=order.pk, actor_id=None)
    if status == OrderStatus.PROCESSING:
        return
    ship(order)
    if status == OrderStatus.DELIVERED:
        checkout.deliver(order_id=order.pk, actor_id=None)
