"""Staff see what went out, have it sent again, and look at letters before they go."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from notifications import services as notifications
from notifications.kinds import KINDS
from notifications.models import Message, MessageState
from tests.admin.acting import act, told
from tests.factories import StaffFactory, UserFactory
from tests.notifications.events import event

pytestmark = pytest.mark.django_db
MESSAGES = "/admin/notifications/message/"


@pytest.fixture
def boss(client: Client) -> User:
    boss = StaffFactory.create()
    client.force_login(boss)
    return boss


@pytest.fixture
def message(db: None) -> Message:
    user = UserFactory.create(email="kim@example.com")
    notifications.tell([event("order.paid", user_id=user.pk)])
    message = Message.objects.get(channel="email")
    message.state, message.reason = MessageState.FAILED, "550 no such mailbox"
    message.save()
    return message


def test_log_says_what_became_of_a_message(
    client: Client, boss: User, message: Message
) -> None:
    page = client.get(MESSAGES, {"state": "failed"}).content.decode()

    assert "kim@example.com" in page
    assert "550 no such mailbox" in page
    assert '<span class="tag tag-bad">Failed</span>' in page
    assert "kim@" not in client.get(MESSAGES, {"state": "sent"}).content.decode()


def test_message_is_sent_again_and_it_is_written_down_who_said_so(
    client: Client, boss: User, message: Message
) -> None:
    answer = act(client, MESSAGES, "send_again", message.pk)

    assert told(answer) == ["Send again: 1 done."]
    message.refresh_from_db()
    assert (message.state, message.reason) == ("queued", "")
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (boss.pk, str(message.pk))


def test_waiting_message_is_not_put_in_twice(
    client: Client, boss: User, message: Message
) -> None:
    act(client, MESSAGES, "send_again", message.pk)

    answer = act(client, MESSAGES, "send_again", message.pk)

    assert "waiting to be sent already" in told(answer)[-1]
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_cannot_send(client: Client, message: Message) -> None:
    viewer = UserFactory.create(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(viewer)

    assert client.get(MESSAGES).status_code == 200
    act(client, MESSAGES, "send_again", message.pk)

    message.refresh_from_db()
    assert message.state == MessageState.FAILED


@pytest.mark.parametrize("language", ["en", "ko", "ru"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_letter_can_be_looked_at(
    client: Client, boss: User, kind: str, language: str
) -> None:
    page = client.get(f"{MESSAGES}letters/", {"kind": kind, "language": language})
    frame = client.get(f"{MESSAGES}letters/{kind}/{language}/")

    assert page.status_code == frame.status_code == 200
    assert f'src="{MESSAGES}letters/{kind}/{language}/" sandbox' in (
        page.content.decode()
    )
    assert f'<html lang="{language}">' in frame.content.decode()


def test_letter_may_do_nothing_but_look(client: Client, boss: User) -> None:
    page = client.get(f"{MESSAGES}letters/")
    frame = client.get(f"{MESSAGES}letters/order_paid/en/")

    assert "frame-src 'self'" in page["Content-Security-Policy"]
    policy = frame["Content-Security-Policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split("; ")}
    assert directives["default-src"] == ["'none'"]
    assert directives["style-src"] == ["'unsafe-inline'"]
    assert directives["frame-ancestors"] == ["'self'"]
    assert directives["sandbox"] == []
    assert "script-src" not in directives
    assert frame["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("path", ["letters/nothing/en/", "letters/order_paid/xx/"])
def test_letter_that_is_none_is_not_there(
    client: Client, boss: User, path: str
) -> None:
    assert client.get(f"{MESSAGES}{path}").status_code == 404


def test_letters_are_for_staff_who_may_see_messages(client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True))

    assert client.get(f"{MESSAGES}letters/").status_code == 404
    assert client.get(f"{MESSAGES}letters/order_paid/en/").status_code == 404
