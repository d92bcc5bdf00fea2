"""How much of an order one member of staff may give back."""

import pytest
from pytest_django import Settings

from accounts.models import User
from checkout import services as checkout
from orders.models import Order, OrderStatus
from payments.errors import RefundAboveLimit
from payments.models import Refund
from tests.parcels import lines_of, paid_order, status_of
from tests.roles import make_roles, member

pytestmark = pytest.mark.django_db
# Units cost 10 000 each.
LIMIT = 20_000


@pytest.fixture(autouse=True)
def _limit(settings: Settings) -> None:
    settings.REFUND_LIMIT = LIMIT
    make_roles()


def give_back(order: Order, units: int, actor: User | None, key: str) -> Refund:
    [line] = lines_of(order)
    return checkout.refund(
        order_id=order.pk,
        quantities={line.pk: units},
        delivery=0,
        reason="late",
        actor_id=actor.pk if actor else None,
        key=key,
    )


def test_support_gives_back_up_to_the_limit() -> None:
    assert give_back(paid_order(3), 2, member("support"), "a").amount == LIMIT


def test_support_gives_back_no_more_in_parts_either() -> None:
    order, support = paid_order(4), member("support")
    give_back(order, 1, support, "a")
    give_back(order, 1, support, "b")

    with pytest.raises(RefundAboveLimit):
        give_back(order, 1, support, "c")

    assert Refund.objects.count() == 2


def test_support_does_not_cancel_what_cost_more() -> None:
    order = paid_order(3)

    with pytest.raises(RefundAboveLimit):
        checkout.cancel(
            order_id=order.pk,
            user_id=None,
            actor_id=member("support").pk,
            reason="asked by phone",
        )

    assert status_of(order) == OrderStatus.PAID
    assert not Refund.objects.exists()


@pytest.mark.parametrize("role", ["manager", "owner"])
def test_manager_gives_back_whatever_was_paid(role: str) -> None:
    assert give_back(paid_order(3), 3, member(role), "a").amount == 30_000


def test_shop_itself_and_the_shopper_have_no_limit() -> None:
    assert give_back(paid_order(3), 3, None, "a").amount == 30_000
    order = paid_order(3)

    checkout.cancel(
        order_id=order.pk,
        user_id=order.user_id,
        actor_id=order.user_id,
        reason="changed my mind",
    )

    assert status_of(order) == OrderStatus.CANCELLED
