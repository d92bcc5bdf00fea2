"""How Celery speaks to its broker, which is Redis or RabbitMQ."""

from typing import Any

from amqp.exceptions import NotFound
from kombu import Connection
from kombu.exceptions import ChannelError


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


def depth(url: str, queue: str) -> int:
    """Return how many messages wait in a queue; one that is not there yet has none."""
    with Connection(url, connect_timeout=2, transport_options=_brief(url)) as broker:
        try:
            channel: Any = broker.default_channel
            found = channel.queue_declare(queue, passive=True)
        except (ChannelError, NotFound):
            return 0
        return int(found.message_count)


def _brief(url: str) -> dict[str, Any]:
    return {} if _is_rabbitmq(url) else transport_options(url)
