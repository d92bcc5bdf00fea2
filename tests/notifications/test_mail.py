"""Letters over real SMTP: to a server that works, and to ones that do not."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from checkout import services as checkout
from checkout.services import Purchase
from notifications import sending
from notifications import services as notifications
from notifications.channels import email
from notifications.channels.base import Letter
from notifications.errors import ChannelAway, MessageRefused, TryLater
from notifications.models import ChannelState, Message, MessageState
from outbox import services as outbox
from outbox.models import Dispatch
from tests.concurrency import run_together, told
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory
from tests.notifications.events import event
from tests.notifications.mail_server import MailServer, mail_server

pytestmark = pytest.mark.django_db(transaction=True)
LETTER = Letter("<1@shop.example>", "kim@example.com", "Hello", "text", "<p>text</p>")


@pytest.fixture(autouse=True)
def _smtp(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_TIMEOUT = settings.PROVIDER_TIMEOUT = 0.4


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_PORT = running.port
        yield running


def queue(*emails: str) -> None:
    """Write one letter for each shopper."""
    for address in emails:
        user = UserFactory.create(email=address)
        notifications.tell([event("order.paid", user_id=user.pk)])
    Message.objects.exclude(channel="email").delete()


def purchase(shopper: User) -> None:
    """Buy something and pay for it at once."""
    DeliveryMethodFactory.create()
    product = ProductFactory.create()
    order = checkout.place_order(
        Purchase(user_id=shopper.pk, email=shopper.email, quantities={product.pk: 1})
    )
    checkout.pay_with_points(user_id=shopper.pk, order_id=order.id)


def states() -> dict[str, str]:
    letters = Message.objects.filter(channel="email")
    return dict(letters.order_by("pk").values_list("address", "state"))


def let_time_pass() -> None:
    """Come back when every pause is over."""
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.queued().update(due_at=past)
    ChannelState.objects.filter(failures__gt=0).update(closed_until=past)


def send_all() -> None:
    while sending.send_due("email"):
        pass


# --- The letter itself ---------------------------------------------------------------


def test_letter_arrives_in_two_forms_with_one_id(server: MailServer) -> None:
    email.send(LETTER)

    [letter] = server.letters
    assert letter["Subject"] == "Hello"
    assert letter["To"] == letter["X-Rcpt"] == "kim@example.com"
    assert letter["From"] == settings.DEFAULT_FROM_EMAIL
    assert letter["Message-ID"] == "<1@shop.example>"
    assert [part.get_content_type() for part in letter.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert letter["List-Unsubscribe"] is None


@pytest.mark.parametrize(
    ("refusals", "error"),
    [
        ({("RCPT", ""): "550 no such mailbox"}, MessageRefused),
        ({("RCPT", ""): "451 greylisted"}, TryLater),
        ({("RCPT", ""): "421 closing"}, ChannelAway),
        ({(".", ""): "554 looks like spam"}, MessageRefused),
        ({(".", ""): "452 full"}, TryLater),
        ({("MAIL", ""): "530 who are you?"}, ChannelAway),
        ({("EHLO", ""): "421 busy", ("HELO", ""): "421 busy"}, ChannelAway),
    ],
)
def test_answers_tell_whose_fault_it_is(
    server: MailServer, refusals: dict[tuple[str, str], str], error: type[Exception]
) -> None:
    server.refusals.update(refusals)

    with pytest.raises(error):
        email.send(LETTER)

    assert server.letters == []


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_server_that_does_not_get_on_is_left(server: MailServer, how: str) -> None:
    setattr(server, how, True)
    start = time.monotonic()

    with pytest.raises(ChannelAway):
        email.send(LETTER)

    assert time.monotonic() - start < 15
    server.drips = False


# --- Sending what waits --------------------------------------------------------------


def test_what_was_sent_is_not_sent_again(server: MailServer) -> None:
    queue("a@example.com", "b@example.com")

    counts = [sending.send_due("email"), sending.send_due("email")]

    assert counts == [2, 0]
    assert server.recipients() == ["a@example.com", "b@example.com"]
    assert states() == {"a@example.com": "sent", "b@example.com": "sent"}
    message = Message.objects.get(address="a@example.com")
    assert message.sent_at is not None
    assert message.reference == server.letters[0]["Message-ID"]


def test_eight_senders_at_once_send_each_letter_once(server: MailServer) -> None:
    server.pause = 0.01
    queue(*(f"{number}@example.com" for number in range(30)))

    results = run_together(lambda _: send_all(), times=8)

    assert told(results) == {"ok": 8}
    assert server.recipients() == sorted(f"{n}@example.com" for n in range(30))
    assert set(states().values()) == {"sent"}


def test_one_mailbox_does_not_hold_up_the_others(server: MailServer) -> None:
    server.refusals = {
        ("RCPT", "gone@example.com"): "550 no such mailbox",
        ("RCPT", "full@example.com"): "452 mailbox full",
    }
    queue("gone@example.com", "full@example.com", "fine@example.com")

    send_all()

    assert server.recipients() == ["fine@example.com"]
    assert states() == {
        "gone@example.com": "failed",
        "full@example.com": "queued",
        "fine@example.com": "sent",
    }
    assert Message.objects.get(state="failed").reason == "550 no such mailbox"

    server.refusals.clear()
    let_time_pass()
    send_all()

    assert server.recipients() == ["fine@example.com", "full@example.com"]
    assert states()["gone@example.com"] == "failed"


def test_mailbox_that_stays_full_is_given_up(server: MailServer) -> None:
    server.refusals = {("RCPT", ""): "452 mailbox full"}
    queue("full@example.com")
    Message.objects.update(created_at=timezone.now() - sending.GIVE_UP_AFTER)

    send_all()

    message = Message.objects.get()
    assert message.state == MessageState.FAILED
    assert message.reason == "given up: 452 mailbox full"


def test_pauses_grow_to_half_an_hour() -> None:
    pauses = [sending.pause_after(attempt).total_seconds() for attempt in range(1, 13)]

    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == 1_800


# --- The server is away --------------------------------------------------------------


def test_order_goes_through_while_the_mail_server_is_down_and_the_letter_follows(
    settings: Any,
) -> None:
    shopper = UserFactory.create(points=100_000)
    with mail_server() as server:
        settings.EMAIL_PORT = server.port
    purchase(shopper)
    while outbox.deliver_due():
        pass

    assert sending.send_due("email") == 1
    letter = Message.objects.get(kind="order_paid", channel="email")
    assert (letter.state, letter.attempts) == ("queued", 1)
    assert not Dispatch.objects.filter(
        subscriber__startswith="notifications", delivered_at=None
    ).exists()
    state = ChannelState.objects.get(pk="email")
    assert state.failures == 1
    assert "ConnectionRefusedError" in state.last_error

    with mail_server(server, port=server.port):
        # Not before the pause is over.
        assert sending.send_due("email") == 0
        let_time_pass()
        send_all()
        let_time_pass()
        send_all()

    assert server.recipients() == [shopper.email]
    letter.refresh_from_db()
    assert letter.state == "sent"
    assert ChannelState.objects.get(pk="email").failures == 0


def test_letter_about_an_order_that_was_paid_at_once_is_not_sent(
    server: MailServer,
) -> None:
    shopper = UserFactory.create(points=100_000)
    purchase(shopper)
    while outbox.deliver_due():
        pass

    send_all()
    let_time_pass()
    send_all()

    subjects = [letter["Subject"] for letter in server.letters]
    assert len(subjects) == 1
    assert subjects[0].endswith("is paid")
    waited = Message.objects.get(kind="order_placed")
    assert (waited.state, waited.reason) == ("skipped", "it was overtaken")


def test_server_that_is_away_is_tried_with_one_letter_at_a_time(
    server: MailServer,
) -> None:
    server.hangs = True
    queue(*(f"{number}@example.com" for number in range(5)))

    assert sending.send_due("email") == 1
    let_time_pass()
    assert sending.send_due("email") == 1

    # The others did not even try, and nothing of it counts against them.
    assert server.connections == 2
    attempts = sorted(Message.objects.values_list("attempts", flat=True))
    assert sum(attempts) == 2
    assert ChannelState.objects.get().failures == 2

    server.hangs = False
    let_time_pass()
    send_all()
    assert server.recipients() == sorted(f"{n}@example.com" for n in range(5))


def test_one_worker_at_a_time_knocks_at_a_closed_door(server: MailServer) -> None:
    server.hangs = True
    queue(*(f"{number}@example.com" for number in range(5)))
    sending.send_due("email")
    let_time_pass()
    before = server.connections

    results = run_together(lambda _: sending.send_due("email"), times=4)

    assert sorted(results, key=str) == [0, 0, 0, 1]
    assert server.connections == before + 1


def test_letter_that_hangs_by_itself_does_not_keep_the_queue(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue("odd@example.com", "fine@example.com")
    send = email.send

    def odd(letter: Letter) -> str:
        if letter.to == "odd@example.com":
            raise ChannelAway("timed out")
        return send(letter)

    monkeypatch.setattr(email, "send", odd)
    sending.send_due("email")
    ChannelState.objects.update(closed_until=timezone.now())

    assert sending.send_due("email") == 1

    assert server.recipients() == ["fine@example.com"]


# --- A worker dies -------------------------------------------------------------------


def test_letter_of_a_worker_that_died_before_sending_goes_once_later(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue("a@example.com")

    def die(_letter: Letter) -> str:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(email, "send", die)
        with pytest.raises(SystemExit):
            sending.send_due("email")

    # Until the lease is over it may still be at it.
    assert sending.send_due("email") == 0
    assert server.letters == []

    let_time_pass()
    send_all()
    send_all()

    assert server.recipients() == ["a@example.com"]
    assert Message.objects.get().attempts == 2


def test_worker_that_comes_back_late_does_not_have_the_last_word(
    server: MailServer,
) -> None:
    queue("a@example.com")
    [late] = sending._claim("email")
    let_time_pass()
    send_all()

    sending._later(late, ChannelAway("I was asleep"))
    sending._give_back([late])

    assert states() == {"a@example.com": "sent"}
    assert Message.objects.get().reason == ""


# --- What was true when it was written -----------------------------------------------


def test_consent_that_was_withdrawn_meanwhile_counts(server: MailServer) -> None:
    user = UserFactory.create(wants_marketing_email=True)
    notifications.tell([event("promotion.started")])
    notifications.unsubscribe(user_id=user.pk, channel="email")

    send_all()

    assert server.letters == []
    message = Message.objects.get(channel="email")
    assert (message.state, message.reason) == ("skipped", "the consent was withdrawn")


def test_offer_can_be_ended_with_one_click(server: MailServer) -> None:
    UserFactory.create(wants_marketing_email=True)
    notifications.tell([event("promotion.started")])

    send_all()

    [letter] = server.letters
    address = letter["List-Unsubscribe"].strip()
    assert address.startswith(f"<{settings.SHOP_BASE_URL}/notifications/unsubscribe/")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_message_is_sent_again_when_staff_say_so(server: MailServer) -> None:
    queue("a@example.com")
    send_all()

    notifications.send_again(message_id=Message.objects.get().pk)
    send_all()

    assert server.recipients() == ["a@example.com", "a@example.com"]
    assert len({letter["Message-ID"] for letter in server.letters}) == 1
