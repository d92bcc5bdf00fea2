"""What runs when. Each job may run twice or late without harm."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

# In UTC, when the shop of the demo sleeps. An interval would begin anew whenever the
# clock forgets when it last rang.
BY_NIGHT = crontab(hour=19, minute=30)

SCHEDULE: dict[str, dict[str, Any]] = {
    # The net under the wake-ups that a purchase sends: none of them has to arrive.
    "sweep the outbox": {
        "task": "outbox.tasks.relay",
        "schedule": timedelta(seconds=1),
        "options": {"expires": 5},
    },
    "send what other systems asked for": {
        "task": "webhooks.tasks.send",
        "schedule": timedelta(seconds=1),
        "options": {"expires": 5},
    },
    "expire unpaid orders": {
        "task": "checkout.tasks.expire_overdue_orders",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 60},
    },
    "pass on what was kept in vain": {
        "task": "inventory.tasks.lapse_holds",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 30},
    },
    "tell of promotions that start": {
        "task": "promotions.tasks.announce_started",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 60},
    },
    "ask providers of payments": {
        "task": "checkout.tasks.ask_providers",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 60},
    },
    "follow parcels": {
        "task": "checkout.tasks.follow_parcels",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 30},
    },
    "roll up today's sales": {
        "task": "analytics.tasks.roll_up_fresh_days",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 30},
    },
    "score products": {
        "task": "analytics.tasks.score_products",
        "schedule": timedelta(minutes=30),
        "options": {"expires": 1200},
    },
    "count the funnel": {
        "task": "analytics.tasks.count_funnel",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 300},
    },
    "write down behaviour": {
        "task": "analytics.tasks.write_behaviour",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 15},
    },
    "make recommendations": {
        "task": "analytics.tasks.make_recommendations",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "give personal discounts": {
        "task": "analytics.tasks.give_personal_discounts",
        "schedule": BY_NIGHT,
        "options": {"expires": 12 * 3600},
    },
    "forget old behaviour": {
        "task": "analytics.tasks.forget_old_behaviour",
        "schedule": timedelta(hours=1),
    },
    # The net under the wake-ups that each event sends.
    **{
        f"send what waits by {channel}": {
            "task": "notifications.tasks.send_messages",
            "schedule": timedelta(seconds=5),
            "args": (channel,),
            "options": {"expires": 10},
        }
        for channel in ("email", "sms", "browser")
    },
    "start and end changes of prices": {
        "task": "catalog.tasks.revise_prices",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 30},
    },
    "learn the catalogue's words": {
        "task": "catalog.tasks.refresh_vocabulary",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 300},
    },
    "count searches in vain": {
        "task": "catalog.tasks.store_fruitless_searches",
        "schedule": timedelta(seconds=60),
        "options": {"expires": 60},
    },
    "forget old replies": {
        "task": "common.tasks.forget_old_replies",
        "schedule": timedelta(hours=1),
    },
    "forget old sessions": {
        "task": "common.tasks.forget_old_sessions",
        "schedule": BY_NIGHT,
    },
    "forget old tombstones": {
        "task": "common.tasks.forget_old_tombstones",
        "schedule": BY_NIGHT,
    },
}
