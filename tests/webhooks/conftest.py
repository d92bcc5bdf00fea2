"""Another system that hears of orders, and what the shop tells it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.outbox.subscribers import first
from tests.servers import Answer, Call, LocalServer
from webhooks import services as webhooks
from webhooks.models import Endpoint

FIRST = "tests.outbox.subscribers.first"


class Receiver(LocalServer):
    """Takes whatever comes."""

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 — all the same
        return Answer(204, b"")


@pytest.fixture(autouse=True)
def _few_others(settings: Settings) -> Iterator[None]:
    """Leave out those of the shop who would look at what an order says."""
    settings.OUTBOX_SUBSCRIPTIONS = dict.fromkeys(
        settings.OUTBOX_SUBSCRIPTIONS, (FIRST,)
    )
    yield
    first.reset()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def other() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(db: None, receiver: Receiver) -> Endpoint:
    return webhooks.create(url=f"{receiver.url}/hook", topics=["order.*"])
