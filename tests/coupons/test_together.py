"""Staff and shoppers at the same batch in the same moment."""

import pytest

from common.errors import DomainError
from coupons import services as coupons
from coupons.models import Coupon, CouponBatch
from tests.books import assert_books_balance
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_claims_added_stock_and_a_segment_make_one_line() -> None:
    batch = CouponBatchFactory.create(quantity=6)
    people = UserFactory.create_batch(12)
    ids = [user.pk for user in people]

    def act(number: int) -> object:
        if number == 0:
            return coupons.add_stock(batch_id=batch.pk, pieces=2)
        if number == 1:
            return coupons.issue_to(batch_id=batch.pk, user_ids=ids[:4])
        return coupons.claim(user_id=ids[number - 2], batch_id=batch.pk)

    results = run_together(act, times=12)

    failures = [one for one in results if isinstance(one, Exception)]
    assert all(isinstance(one, DomainError) for one in failures)
    after = CouponBatch.objects.get()
    serials = Coupon.objects.order_by("serial").values_list("serial", flat=True)
    assert after.quantity == 8
    assert list(serials) == list(range(1, after.issued + 1))
    assert after.issued <= 8
    assert_books_balance()
