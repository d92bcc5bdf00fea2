"""What the clock does for the search, and for prices."""

from celery import shared_task

from catalog import fruitless, revisions, wordlists


@shared_task(name="catalog.tasks.refresh_vocabulary")
def refresh_vocabulary() -> None:
    """Read the words of the catalogue anew, for corrections and suggestions."""
    wordlists.refresh_vocabulary()


@shared_task(name="catalog.tasks.store_fruitless_searches")
def store_fruitless_searches() -> None:
    """Write down what was searched for in vain since the last round."""
    fruitless.store()


@shared_task(name="catalog.tasks.revise_prices")
def revise_prices() -> None:
    """Start the changes of prices whose time has come, and end those that are over."""
    revisions.run_due()
