"""Personal discounts of the demo: two rules, and what they decide on the last night."""

from analytics import segments
from coupons.models import DiscountKind, PersonalRule, Segment


def give() -> None:
    """Write the rules, sort the customers and let each rule decide."""
    PersonalRule.objects.create(
        name="For our best customers",
        segment=Segment.CHAMPION,
        kind=DiscountKind.PERCENT,
        value=12,
        max_discount=15_000,
        min_spend=30_000,
        days_valid=21,
        budget=900_000,
        holdout_percent=15,
    )
    PersonalRule.objects.create(
        name="Come back soon",
        segment=Segment.REGULAR,
        kind=DiscountKind.FIXED,
        value=5_000,
        min_spend=40_000,
        budget=150_000,
        holdout_percent=20,
    )
    segments.give_personal_discounts()
