"""Coupon batches in the admin."""

from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.test import Client

from coupons import services as coupons
from tests.factories import CouponBatchFactory, StaffFactory, UserFactory


@pytest.mark.django_db
def test_renaming_a_batch_does_not_undo_a_claim(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = CouponBatchFactory.create()
    first, second = UserFactory.create(), UserFactory.create()
    coupons.claim(user_id=first.pk, batch_id=batch.pk)
    client.force_login(StaffFactory.create())
    read = ModelAdmin.get_object

    def read_and_dawdle(*args: Any) -> Any:
        found = read(*args)
        coupons.claim(user_id=second.pk, batch_id=batch.pk)
        return found

    monkeypatch.setattr(ModelAdmin, "get_object", read_and_dawdle)

    answer = client.post(
        f"/admin/coupons/couponbatch/{batch.pk}/change/", {"name": "Spring"}
    )

    assert answer.status_code == 302
    batch.refresh_from_db()
    assert (batch.name, batch.issued) == ("Spring", 2)
