"""``manage.py erase_user`` and ``export_user``: all of a person, and nobody else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from redis import RedisError

from accounts.models import User
from config import searching
from notifications.models import Message
from orders.models import Order
from outbox import services as outbox
from outbox.models import Event
from points.models import LedgerEntry
from shop.my_data import document
from tests.books import assert_books_balance
from tests.config.planting import EMAIL, MARKER, NAME, Planted, plant, traces
from tests.factories import UserFactory, charge

pytestmark = pytest.mark.django_db


@pytest.fixture
def planted(
    client: Client,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Planted:
    settings.MEDIA_ROOT = tmp_path / "media"
    with django_capture_on_commit_callbacks(execute=True):
        return plant(client)


def run(*words: str) -> tuple[int, Any]:
    """Return the exit code and what the command's JSON says."""
    said, code = StringIO(), 0
    try:
        call_command("erase_user", *words, "--json", stdout=said, stderr=StringIO())
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(said.getvalue())


def test_nothing_is_left_anywhere_and_the_books_are_right(
    planted: Planted, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    before = traces()
    tables = {place.partition(":")[0] for place in before}
    assert len(tables) >= 25, tables
    orders = {order.pk: order.total for order in Order.objects.all()}
    entries = LedgerEntry.objects.of_user(planted.user.pk).count()

    with django_capture_on_commit_callbacks(execute=True):
        code, told = run(EMAIL, "--yes", "--give-up-points")

    assert (code, told["ok"]) == (0, True), told
    assert (told["sure"], told["maybe"]) == ([], [])
    assert traces() == []
    assert {order.pk: order.total for order in Order.objects.all()} == orders
    assert LedgerEntry.objects.of_user(planted.user.pk).count() == entries + 1
    assert_books_balance()
    # What workers deliver afterwards brings nothing back.
    outbox.deliver_due()
    assert traces() == []
    assert_books_balance()


def test_others_and_what_was_bought_stay(planted: Planted) -> None:
    other = Order.objects.get(user=planted.other)
    payload = Event.objects.get(aggregate=f"order/{other.pk}").payload
    messages = Message.objects.filter(user=planted.other).count()
    paid = Event.objects.filter(topic="order.paid").count()

    run(EMAIL, "--yes", "--give-up-points")

    other.refresh_from_db()
    assert other.email == planted.other.email
    assert Event.objects.get(aggregate=f"order/{other.pk}").payload == payload
    assert Message.objects.filter(user=planted.other).count() == messages
    events = Event.objects.filter(topic="order.paid")
    assert events.count() == paid
    own = events.filter(payload__user_id=planted.user.pk)
    nobody = f"deleted-{planted.user.pk}@deleted.invalid"
    assert {event.payload["email"] for event in own} == {nobody}
    assert all(event.payload["lines"][0]["name"] for event in own)


def test_erasing_again_after_a_restore_is_fine(planted: Planted) -> None:
    run(EMAIL, "--yes", "--give-up-points")

    code, told = run("--id", str(planted.user.pk), "--yes")

    assert (code, told["sure"]) == (0, [])
    assert_books_balance()


def test_what_is_left_is_named_and_ends_with_1(planted: Planted) -> None:
    product = planted.other
    product.name = f"friend of {EMAIL}"
    product.save(update_fields=["name"])

    code, told = run(EMAIL, "--yes", "--give-up-points")

    assert code == 1
    assert told["sure"] == [{"place": "accounts_user.name", "count": 1}]
    assert not User.objects.filter(email=EMAIL).exists()


def test_name_that_somebody_else_has_is_no_failure(planted: Planted) -> None:
    UserFactory.create(name=NAME)

    code, told = run(EMAIL, "--yes", "--give-up-points")

    assert code == 0
    assert told["maybe"] == [{"place": "accounts_user.name", "count": 1}]


def test_redis_that_is_away_is_said(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise RedisError

    monkeypatch.setattr(searching, "in_redis", away)

    code, told = run(EMAIL, "--yes", "--give-up-points")

    assert (code, told["redis_is_away"]) == (1, True)
    assert not User.objects.filter(email=EMAIL).exists()


def test_points_are_not_lost_by_accident() -> None:
    user = UserFactory.create(points=500)

    with pytest.raises(CommandError, match="500 points are left") as refused:
        run(user.email, "--yes")

    assert refused.value.returncode == 1
    user.refresh_from_db()
    assert user.is_active


def test_rehearsal_says_what_goes_and_what_stays() -> None:
    user = UserFactory.create()
    charge(user, 500)
    said = StringIO()

    call_command("erase_user", user.email, "--dry-run", stdout=said)

    assert "Goes:" in said.getvalue()
    assert "Stays:" in said.getvalue()
    assert "Lost with it: 500 points" in said.getvalue()
    user.refresh_from_db()
    assert user.is_active


@contextmanager
def typing(monkeypatch: pytest.MonkeyPatch, text: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        patch.setattr("builtins.input", lambda _prompt: text)
        yield


def test_somebody_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()

    with typing(monkeypatch, "yes"), pytest.raises(CommandError) as refused:
        call_command("erase_user", user.email, stdout=StringIO())

    assert refused.value.returncode == 2
    user.refresh_from_db()
    assert user.is_active
    with typing(monkeypatch, user.email.upper()):
        call_command("erase_user", user.email, stdout=StringIO())
    user.refresh_from_db()
    assert not user.is_active


def test_script_that_says_no_yes_erases_nobody() -> None:
    user = UserFactory.create()

    with pytest.raises(CommandError, match="--yes") as refused:
        run(user.email)

    assert refused.value.returncode == 2
    user.refresh_from_db()
    assert user.is_active


@pytest.mark.parametrize("words", [(), ("a@b.c", "--id", "7"), ("--id", "x")])
def test_bad_use_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*words)


def test_nobody_of_that_address_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no account") as refused:
        run("nobody@example.com", "--yes")

    assert refused.value.returncode == 1


# --- export_user ---------------------------------------------------------------------


def test_export_is_what_the_person_can_download(
    planted: Planted, tmp_path: Path
) -> None:
    out = tmp_path / "data.json"

    call_command("export_user", EMAIL.upper(), "--out", str(out), stderr=StringIO())

    told = json.loads(out.read_text())
    expected = json.loads("".join(document(planted.user)))
    assert told.pop("made_at")
    assert expected.pop("made_at")
    assert told == expected
    assert told["account"]["name"] == NAME
    assert MARKER in json.dumps(told["orders"])
    assert len(told["review_photos"]) == 1
    assert out.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".data*")) == []


def test_export_goes_to_the_screen_without_a_file() -> None:
    user = UserFactory.create()
    said = StringIO()

    call_command("export_user", user.email, stdout=said)

    assert json.loads(said.getvalue())["account"]["email"] == user.email


def test_export_overwrites_nothing(tmp_path: Path) -> None:
    user = UserFactory.create()
    out = tmp_path / "data.json"
    out.write_text("somebody else's")

    with pytest.raises(CommandError, match="there already") as refused:
        call_command("export_user", user.email, "--out", str(out))

    assert refused.value.returncode == 2
    assert out.read_text() == "somebody else's"


def test_export_of_nobody_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no account"):
        call_command("export_user", "nobody@example.com")
