"""Race 21: a guest signs in from two tabs while a third goes on adding."""

from dataclasses import dataclass

from cart import services as carts
from cart.models import Cart, CartItem
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.races.stage import shoppers


@dataclass(frozen=True)
class Outcome:
    told: dict[str, int]
    carts: int
    # What the shopper's cart holds of each product.
    quantities: list[int]


def merges_while_adding() -> Outcome:
    [user], products = shoppers(1), ProductFactory.create_batch(3)
    token = carts.new_token()
    guest, own = carts.of_guest(token), carts.of_user(user.pk)
    for product in products:
        carts.add(cart_id=guest.pk, product_id=product.pk, quantity=2)
    carts.add(cart_id=own.pk, product_id=products[0].pk, quantity=1)

    def act(number: int) -> None:
        if number < 2:
            carts.merge(token=token, user_id=user.pk)
        else:
            carts.add(cart_id=guest.pk, product_id=products[1].pk, quantity=1)

    said = told(run_together(act, times=12))
    items = CartItem.objects.filter(cart=own).order_by("product_id")
    return Outcome(
        told=said,
        carts=Cart.objects.count(),
        quantities=list(items.values_list("quantity", flat=True)),
    )


def test_race_21_merging_twice_while_adding_loses_and_doubles_nothing() -> None:
    outcome = merges_while_adding()

    # Whoever came after the merge is told that the cart is another one now.
    late = outcome.told.get("cart_changed", 0)
    assert outcome.told.get("ok") == 12 - late
    assert outcome == Outcome(
        told=outcome.told, carts=1, quantities=[3, 2 + 10 - late, 2]
    )
