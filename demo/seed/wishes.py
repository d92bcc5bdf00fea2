"""What one shopper is about to buy, has put aside, and wishes for."""

from collections.abc import Sequence

from django.db.models import F

from cart.models import Cart, CartItem
from catalog.models import Product
from demo.seed.goods import Goods
from wishlist.models import WishlistItem

IN_THE_CART = 2
WISHED = 6
# What one of the wishes cost when it was saved: a tenth more, and some.
DROP = 10


def fill(user_id: int, goods: Goods) -> None:
    """Leave something in a cart and beside it, and more on the wishlist."""
    plenty = [place for place in range(len(goods)) if not goods.is_scarce(place)]
    inside = _spread(plenty, IN_THE_CART)
    others = [place for place in plenty if place not in inside]
    aside, *wished = _spread(others, 1 + WISHED)
    cart = Cart.objects.create(user_id=user_id)
    for place in (*inside, aside):
        CartItem.objects.create(
            cart=cart,
            product_id=goods.first_id + place,
            quantity=1,
            price_when_added=goods.prices[place],
            is_saved=place == aside,
            is_selected=place != aside,
        )
    _wish(user_id, goods, wished)


def _wish(user_id: int, goods: Goods, places: Sequence[int]) -> None:
    """Wish for products: one that has become cheaper, and one that is sold out."""
    prices = {goods.first_id + place: goods.prices[place] for place in places}
    sold_out = Product.objects.on_sale().filter(
        stock__on_hand__lte=F("stock__reserved")
    )
    prices |= dict(sold_out.order_by("pk").values_list("pk", "price")[:1])
    cheaper = max(prices, default=0)
    for product_id, price in prices.items():
        then = price + price // DROP if product_id == cheaper else price
        WishlistItem.objects.create(
            user_id=user_id, product_id=product_id, price_when_saved=then
        )


def _spread(places: Sequence[int], count: int) -> list[int]:
    """Return ``count`` of the places, from everywhere among them."""
    return list(places[:: max(1, len(places) // count)][:count])
