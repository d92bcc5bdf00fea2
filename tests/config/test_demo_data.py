"""When ``manage.py serve`` fills the shop with the demo's data."""

import time
from pathlib import Path

import pytest
from django.conf import settings

from config.management.commands import serve
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(serve, "call_command", lambda *words: calls.append(words))
    return calls


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(settings, "STATE_DIR", tmp_path)
    return tmp_path


def seed() -> None:
    command = serve.Command()
    command._started = time.monotonic()
    command._seed(["--orders", "3"])


def test_empty_shop_is_filled(state: Path, calls: list[tuple[str, ...]]) -> None:
    seed()

    assert calls == [("seed_demo", "--orders", "3")]
    assert list(state.iterdir()) == []


def test_shop_with_products_is_left_alone(
    state: Path, calls: list[tuple[str, ...]]
) -> None:
    ProductFactory.create()

    seed()

    assert calls == []


def test_interrupted_filling_is_done_again_from_the_start(
    state: Path, calls: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_words: str) -> None:
        ProductFactory.create()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(serve, "call_command", interrupt)
        with pytest.raises(KeyboardInterrupt):
            seed()
    seed()
    seed()

    assert calls == [("seed_demo", "--orders", "3", "--flush")]
