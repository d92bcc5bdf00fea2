"""``manage.py expire_orders``: gives back what unpaid orders hold, beside the clock."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from checkout import services as checkout
from common.commands import as_json
from orders.models import Order

SHOWN = 20


class Command(BaseCommand):
    """Beat does the same every 15 seconds; this is for when it does not."""

    help = (
        "Expire unpaid orders whose time is up: stock, coupon and budgets are free"
        " again. May run beside workers. Orders whose payment is under way, or that"
        " somebody has locked, wait."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="only say which")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, dry_run: bool, json: bool, **_options: Any) -> None:
        """Do it until none is due, and say how many there were."""
        due = Order.objects.overdue().order_by("expires_at")
        if dry_run:
            self._rehearse(list(due.values_list("number", flat=True)), as_script=json)
            return
        expired = 0
        while batch := checkout.expire_overdue():
            expired += batch
        waiting = due.count()
        if json:
            self.stdout.write(as_json({"expired": expired, "waiting": waiting}))
        else:
            self.stdout.write(f"{expired:,} orders expired, {waiting:,} wait")

    def _rehearse(self, numbers: list[str], *, as_script: bool) -> None:
        if as_script:
            self.stdout.write(as_json({"dry_run": True, "due": numbers}))
            return
        for number in numbers[:SHOWN]:
            self.stdout.write(number)
        self.stdout.write(f"{len(numbers):,} orders are due")
