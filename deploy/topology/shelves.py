"""Puts goods on empty shelves: ``python -m deploy.topology.shelves``.

Prints the number of the product that is bought. It runs as a process of its own, with
the settings of the rehearsal.
"""

import sys
from datetime import timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402 — settings first

from catalog.models import Category, Product  # noqa: E402
from inventory import services as inventory  # noqa: E402
from inventory.models import MovementKind  # noqa: E402

STOCK = 50


def main() -> None:
    """Make a category and a few products with stock."""
    category = Category.objects.create(name="Rehearsal", slug="rehearsal")
    numbers = []
    for number in range(5):
        product = Product.objects.create(
            sku=f"TRY-{number}",
            slug=f"try-{number}",
            name=f"Teapot {number}",
            description="Made for a minute.",
            price=12_000 + number,
            category=category,
            published_at=timezone.now() - timedelta(days=1),
        )
        inventory.adjust(
            product_id=product.pk,
            kind=MovementKind.RECEIVED,
            delta=STOCK,
            reason="rehearsal",
            actor_id=None,
        )
        numbers.append(product.pk)
    sys.stdout.write(f"{numbers[0]}\n")


if __name__ == "__main__":
    main()
