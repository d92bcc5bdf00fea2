"""What the test provider sends, sent as a real one sends it: by HTTP, and again."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from common import http
from payments.gateways import sandbox
from payments.gateways.sandbox import Webhook

# How long the money of a late payment takes, in seconds.
LATE_SECONDS = 20
WEBHOOK_PATH = "/api/v1/payments/webhooks/sandbox"
logger = logging.getLogger(__name__)


@shared_task(
    name="payments.tasks.send_webhooks",
    autoretry_for=(http.Away,),
    retry_backoff=1,
    max_retries=5,
)
def send_webhooks(messages: list[dict[str, Any]]) -> None:
    """Bring messages to the shop in their order; all of them again if one fails."""
    for message in messages:
        try:
            http.call(
                "POST",
                f"{settings.SHOP_BASE_URL}{WEBHOOK_PATH}",
                headers=message["headers"],
                data=message["body"].encode(),
            )
        except http.Refused as error:
            logger.warning("the shop refused a message: %s", error)


@shared_task(name="payments.tasks.arrive_late")
def arrive_late(reference: str) -> None:
    """Let the money of a late payment arrive at the provider, and tell the shop."""
    send_webhooks(_written(sandbox.come_late(reference)))


def tell(webhooks: list[Webhook]) -> None:
    """Have a worker send messages. One that no worker hears of is lost, as happens."""
    if not webhooks:
        return
    try:
        send_webhooks.delay(_written(webhooks))
    except OperationalError as error:
        logger.warning("a message of the test provider is lost: %s", error)


def tell_late(reference: str) -> None:
    """Have the money of a payment arrive after ``LATE_SECONDS``."""
    try:
        arrive_late.apply_async((reference,), countdown=LATE_SECONDS)
    except OperationalError as error:
        logger.warning("money of the test provider is lost: %s", error)


def _written(webhooks: list[Webhook]) -> list[dict[str, Any]]:
    return [
        {"headers": dict(webhook.headers), "body": webhook.body.decode()}
        for webhook in webhooks
    ]
