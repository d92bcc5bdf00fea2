"""What can go wrong with coupons."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, NotFound


class CouponBatchNotFound(NotFound):
    """There is no such batch, or it was withdrawn."""

    code = "coupon_campaign_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such coupon."))


class CouponNotFound(NotFound):
    """The shopper holds no such coupon."""

    code = "coupon_not_found"

    def __init__(self) -> None:
        super().__init__(_("You do not hold this coupon."))


class CouponNotOpen(Conflict):
    """Claims are not open yet."""

    code = "coupon_not_open"

    def __init__(self, *, opens_at: datetime) -> None:
        super().__init__(
            _("This coupon cannot be claimed yet."), opens_at=opens_at.isoformat()
        )


class CouponSoldOut(Conflict):
    """The last one is gone."""

    code = "coupon_sold_out"

    def __init__(self) -> None:
        super().__init__(_("All coupons are gone."))


class CouponAlreadyIssued(Conflict):
    """The shopper has one of this batch already."""

    code = "coupon_already_issued"

    def __init__(self) -> None:
        super().__init__(_("You already have this coupon."))


class CouponExpired(Conflict):
    """It is not valid any more, or was withdrawn."""

    code = "coupon_expired"

    def __init__(self) -> None:
        super().__init__(_("This coupon is no longer valid."))


class CouponAlreadyUsed(Conflict):
    """It is on another order."""

    code = "coupon_already_used"

    def __init__(self) -> None:
        super().__init__(_("This coupon is on another order."))


class CouponNotApplicable(Conflict):
    """It does not fit; ``reason`` names the rule, ``missing`` by how much."""

    code = "coupon_not_applicable"

    def __init__(self, *, reason: str, missing: int) -> None:
        super().__init__(
            _("This coupon cannot be used for this order."),
            reason=reason,
            missing=missing,
        )
