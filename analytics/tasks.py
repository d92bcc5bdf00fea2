"""Rollup, behaviour and recommendations, by the clock."""

from celery import shared_task

from analytics import behaviour, funnel, recommendations, segments, trends
from analytics import services as analytics


@shared_task(name="analytics.tasks.roll_up_fresh_days")
def roll_up_fresh_days() -> None:
    """Keep today's sales fresh and make dirty days anew."""
    analytics.roll_up_fresh_days()


@shared_task(name="analytics.tasks.write_behaviour")
def write_behaviour() -> None:
    """Write down what pages left in Redis."""
    behaviour.flush()


@shared_task(name="analytics.tasks.forget_old_behaviour")
def forget_old_behaviour() -> None:
    """Drop behaviour that is past its 90 days."""
    behaviour.forget_old()


@shared_task(name="analytics.tasks.make_recommendations")
def make_recommendations() -> None:
    """Refresh each category's favourites, and the pairs once a night."""
    recommendations.make_due()


@shared_task(name="analytics.tasks.score_products")
def score_products() -> None:
    """Say anew what is popular and what is on the rise."""
    trends.refresh()


@shared_task(name="analytics.tasks.count_funnel")
def count_funnel() -> None:
    """Count how far the visits and orders of the last days came."""
    funnel.count_fresh_days()


@shared_task(name="analytics.tasks.give_personal_discounts")
def give_personal_discounts() -> None:
    """Sort the customers, and think of some of them."""
    segments.give_personal_discounts()
