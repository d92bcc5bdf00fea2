"""What the races are run with: many shoppers at once, and a hand on the brake."""

from accounts.models import User
from cart import services as carts
from cart.models import Cart
from catalog.models import Product
from drill.stage import between_reading_and_writing as between_reading_and_writing
from drill.stage import everybody_reads_first as everybody_reads_first
from drill.stage import overdue as overdue
from drill.stage import purchase as purchase
from drill.stage import shoppers as shoppers
from drill.stage import unpaid_order as unpaid_order


def fill_cart(user: User, *products: Product) -> Cart:
    """Put one of each product into the shopper's cart."""
    cart = carts.of_user(user.pk)
    for product in products:
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    cart.refresh_from_db()
    return cart
