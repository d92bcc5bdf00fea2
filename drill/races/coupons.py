"""Limited coupons."""

from coupons import services as coupons
from coupons.models import CouponBatch
from drill.crowd import Tally, race
from drill.outcome import Outcome, judged
from drill.processes import race_in_processes
from drill.stage import coupon_batch, shoppers


def claim(number: int, *, batch_id: int, first_user_id: int) -> None:
    """Claim a coupon; called in processes of its own."""
    coupons.claim(user_id=first_user_id + number, batch_id=batch_id)


def drop(*, users: int, quantity: int, clients: int) -> Outcome:
    """Let a crowd claim the coupons of a drop."""
    claimants, batch = shoppers(users, balance=1), coupon_batch(quantity=quantity)
    tally = race(
        lambda number: claim(number, batch_id=batch.pk, first_user_id=claimants[0].pk),
        times=users,
        clients=clients,
    ).tally
    return _claimed(tally, batch, refusal="coupon_sold_out", winners=quantity)


def drop_in_processes(*, users: int, quantity: int, clients: int) -> Outcome:
    """Let crowds in two processes claim the coupons of a drop."""
    claimants, batch = shoppers(users, balance=1), coupon_batch(quantity=quantity)
    tally = race_in_processes(
        claim,
        times=users,
        clients=clients,
        batch_id=batch.pk,
        first_user_id=claimants[0].pk,
    )
    return _claimed(tally, batch, refusal="coupon_sold_out", winners=quantity)


def one_shopper_in_two_tabs(*, claims: int, quantity: int = 100) -> Outcome:
    """Let one shopper claim as fast as two tabs can click; there is plenty."""
    [user], batch = shoppers(1, balance=1), coupon_batch(quantity=quantity)
    tally = race(
        lambda _number: coupons.claim(user_id=user.pk, batch_id=batch.pk), times=claims
    ).tally
    return _claimed(tally, batch, refusal="coupon_already_issued", winners=1)


def _claimed(
    tally: Tally, batch: CouponBatch, *, refusal: str, winners: int
) -> Outcome:
    batch.refresh_from_db()
    serials = batch.coupons.order_by("serial").values_list("serial", flat=True)
    claims = sum(tally.told.values())
    return judged(
        tally,
        winners=len(serials),
        expected=winners,
        told={refusal: claims - winners, "ok": winners},
        found={"issued": batch.issued, "serials": list(serials)},
        wanted={"issued": winners, "serials": list(range(1, winners + 1))},
    )
