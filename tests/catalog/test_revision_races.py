"""Many prices and one price at the same moment: nobody's last word is lost."""

import pytest

from catalog import revisions
from catalog import services as catalog
from catalog.errors import RevisionClosed
from catalog.models import LineOutcome, PriceChange, PriceRevisionLine, Product
from catalog.price_rules import NewPrice
from catalog.revisions import PutBack
from tests.concurrency import run_together
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db(transaction=True)


def revised(number: int) -> int:
    """Lower the prices of some products; return the id of that."""
    products = ProductFactory.create_batch(number, price=10_000, stock_on_hand=0)
    wish = [NewPrice(one.pk, one.sku, one.name, 10_000, 9_000) for one in products]
    revision = revisions.make(wish, rule="r", reason="autumn", actor_id=None)
    return revision.pk


def assert_history_is_a_chain() -> None:
    """Each change begins where the one before it ended, up to the present price."""
    for product in Product.objects.all():
        price = 10_000
        for change in PriceChange.objects.filter(product=product).order_by("pk"):
            assert change.old_price == price
            price = change.new_price
        assert product.price == price


def test_undo_against_changes_of_the_same_prices() -> None:
    revision_id = revised(8)
    pks = list(Product.objects.order_by("-pk").values_list("pk", flat=True))

    def act(number: int) -> object:
        if number == 0:
            return revisions.undo(revision_id=revision_id, reason="slip", actor_id=None)
        return catalog.change_price(
            product_id=pks[number - 1], price=7_000, cause="x", actor_id=None
        )

    undone, *changed = run_together(act, times=9)

    assert isinstance(undone, PutBack)
    assert not [result for result in changed if isinstance(result, Exception)]
    # Whoever came later has the last word, and nobody's was undone.
    assert set(Product.objects.values_list("price", flat=True)) == {7_000}
    assert_history_is_a_chain()
    restored = PriceRevisionLine.objects.filter(outcome=LineOutcome.RESTORED).count()
    left = PriceRevisionLine.objects.filter(outcome=LineOutcome.LEFT).count()
    assert (undone.restored, len(undone.left)) == (restored, left)
    assert restored + left == 8
    assert PriceChange.objects.count() == 8 + 8 + restored


def test_undo_by_several_at_once_happens_once() -> None:
    revision_id = revised(3)

    results = run_together(
        lambda _number: revisions.undo(
            revision_id=revision_id, reason="slip", actor_id=None
        ),
        times=5,
    )

    assert [result for result in results if isinstance(result, PutBack)] == [
        PutBack(3, [])
    ]
    assert sum(isinstance(result, RevisionClosed) for result in results) == 4
    assert PriceChange.objects.count() == 6
    assert_history_is_a_chain()
