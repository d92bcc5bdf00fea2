"""Tell other systems what products and stocks are now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Product
from inventory import messages
from inventory.consumer import is_configured


class Command(BaseCommand):
    """For systems that begin to listen, or that lost what they were told."""

    help = "Send product.changed and stock.changed of all products, or of some."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("sku", nargs="*", help="only these products")

    def handle(self, *, sku: list[str], **_options: Any) -> None:
        """Send, and say how many were told."""
        if not is_configured():
            raise CommandError("RABBITMQ_URL is not set.")
        told = messages.announce_all(sku)
        self.stdout.write(f"{told} products announced")
        if told < (len(set(sku)) or Product.objects.count()):
            raise CommandError("Not all products could be announced.")
