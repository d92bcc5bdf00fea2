"""How Celery speaks to its broker, which is Redis or RabbitMQ."""

from typing import Any


def _is_rabbitmq(url: str) -> bool:
    return url.startswith("amqp")


def transport_options(url: str) -> dict[str, Any]:
    """Return Celery's ``broker_transport_options``."""
    if _is_rabbitmq(url):
        return {"confirm_publish": True}
    return {
        # Redis hands a task out once; whoever dies with it leaves it to the clock.
        # Acknowledging over a connection that Redis has dropped ends a worker.
        "ack_emulation": False,
        "socket_timeout": 3,
        "socket_connect_timeout": 2,
    }


def queue_type(url: str) -> str:
    """Return the kind of the tasks' queue: RabbitMQ keeps a copy on each node."""
    return "quorum" if _is_rabbitmq(url) else "classic"


def exchange_type(url: str) -> str:
    """Return the kind of the exchange: quorum queues delay tasks behind topics only."""
    return "topic" if _is_rabbitmq(url) else "direct"
