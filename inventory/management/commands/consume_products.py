"""Take what outside systems say of prices and stocks, until told to stop."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from inventory.consumer import ProductConsumer, is_configured


class Command(BaseCommand):
    """See docs/messages.md."""

    help = "Consume price and stock messages from RabbitMQ; SIGTERM ends it cleanly."

    def handle(self, **_options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        if not is_configured():
            raise CommandError("RABBITMQ_URL is not set.")
        consumer = ProductConsumer(say=self._say)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: consumer.stop())
        consumer.run()
        self._say("stopped")

    def _say(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()
