"""Numbers in addresses and forms that no database can hold."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

HUGE = "9" * 30


@pytest.mark.parametrize(
    "path",
    [
        f"/p/cup-{HUGE}/",
        f"/account/addresses/{HUGE}/",
        f"/products/?min_price={HUGE}&max_price=-{HUGE}&page={HUGE}",
        f"/points/?before={HUGE}",
        f"/orders/?before={HUGE}",
        f"/coupons/?claim={HUGE}",
        f"/checkout/?coupon={HUGE}&delivery={HUGE}&address={HUGE}",
        f"/cart/?removed={HUGE}&quantity={HUGE}",
        "/c/%00/",
        "/p/%00-1/",
    ],
)
def test_page_is_shown_or_not_found(signed_in: Client, path: str) -> None:
    assert signed_in.get(path).status_code in {200, 302, 303, 404}


@pytest.mark.parametrize(
    "path",
    [
        "/cart/add/",
        f"/cart/{HUGE}/quantity/",
        f"/cart/{HUGE}/remove/",
        "/cart/coupon/",
        "/checkout/",
        "/points/charge/",
        f"/coupons/{HUGE}/claim/",
        f"/account/addresses/{HUGE}/remove/",
        f"/account/addresses/{HUGE}/default/",
    ],
)
def test_action_is_refused_without_breaking(signed_in: Client, path: str) -> None:
    signed_in.post("/cart/add/", {"product": "1", "quantity": "1"})
    fields = ("product", "quantity", "coupon", "amount", "preset", "quote")
    form = dict.fromkeys(fields, HUGE) | {"key": "k\x00", "address": "\x00"}

    assert signed_in.post(path, form).status_code in {302, 303, 404, 409, 422}
