"""Text messages by Twilio's API, spoken with a server that answers as documented."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import sending
from notifications import services as notifications
from notifications.channels import sms, twilio
from notifications.channels.base import Letter
from notifications.errors import ChannelAway, MessageRefused
from notifications.models import ChannelState, Message, Preference
from tests.factories import UserFactory
from tests.notifications.events import event
from tests.servers import Answer, Call, LocalServer

LETTER = Letter("<1@shop.example>", "+82 10-1234-5678", "Hello", "Hello, your parcel.")
NOT_A_NUMBER = {
    "code": 21211,
    "message": "Invalid 'To' Phone Number: +8210XXXX",
    "more_info": "https://www.twilio.com/docs/errors/21211",
    "status": 400,
}
NOT_US = {
    "code": 20003,
    "message": "Authenticate",
    "more_info": "https://www.twilio.com/docs/errors/20003",
    "status": 401,
}


class Twilio(LocalServer):
    """Keeps the texts it has taken."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[dict[str, str]] = []

    def answer(self, call: Call) -> Answer:
        expected = base64.b64encode(b"AC123:token").decode()
        if call.headers.get("authorization") != f"Basic {expected}":
            return Answer(401, NOT_US)
        self.texts.append(call.form())
        sid = f"SM{len(self.texts):032x}"
        return Answer(201, {"sid": sid, "status": "queued", "error_code": None})


@pytest.fixture
def server(settings: Any) -> Iterator[Twilio]:
    with Twilio() as running:
        settings.SMS_CHANNEL = "twilio"
        settings.TWILIO_API_URL = running.url
        settings.TWILIO_ACCOUNT_SID = "AC123"
        settings.TWILIO_AUTH_TOKEN = "token"
        settings.TWILIO_FROM = "+15005550006"
        settings.PROVIDER_TIMEOUT = 0.4
        yield running


def queue() -> None:
    user = UserFactory.create(phone="+82 10-1234-5678")
    Preference.objects.create(user=user, group="orders", channel="sms", is_on=True)
    notifications.tell([event("order.shipped", user_id=user.pk)])


def let_time_pass() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.queued().update(due_at=past)
    ChannelState.objects.filter(failures__gt=0).update(closed_until=past)


def test_text_is_sent_as_the_api_has_it(server: Twilio) -> None:
    reference = twilio.send(LETTER)

    [call] = server.calls
    assert (call.method, call.path) == (
        "POST",
        "/2010-04-01/Accounts/AC123/Messages.json",
    )
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert server.texts == [
        {"To": "+821012345678", "From": "+15005550006", "Body": "Hello, your parcel."}
    ]
    assert reference == f"SM{1:032x}"


def test_messaging_service_chooses_the_number_itself(
    server: Twilio, settings: Any
) -> None:
    settings.TWILIO_FROM = "MG0123"

    twilio.send(LETTER)

    assert server.texts[0]["MessagingServiceSid"] == "MG0123"
    assert "From" not in server.texts[0]


@pytest.mark.parametrize("number", ["010-1234-5678", "", "+0 12", "call me"])
def test_number_that_is_not_international_is_not_even_sent(
    server: Twilio, number: str
) -> None:
    with pytest.raises(MessageRefused):
        twilio.send(Letter("<1>", number, "", "Hello"))

    assert server.calls == []


def test_refused_number_is_the_message_s_own_fault(server: Twilio) -> None:
    server.fail_next(status=400, body=NOT_A_NUMBER)

    with pytest.raises(MessageRefused, match=r"^21211 Invalid 'To'"):
        twilio.send(LETTER)


def test_wrong_password_is_ours(server: Twilio, settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN = "wrong"

    with pytest.raises(ChannelAway, match="20003 Authenticate"):
        twilio.send(LETTER)


def test_console_prints_what_it_would_send(capsys: pytest.CaptureFixture[str]) -> None:
    sms.send(LETTER)

    printed = capsys.readouterr().out
    assert printed == "text message to +82 10-1234-5678: Hello, your parcel.\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["down", "500", "429", "hang", "drop", "not JSON"])
def test_text_waits_while_twilio_is_away_and_goes_once(
    server: Twilio, settings: Any, how: str
) -> None:
    queue()
    away: dict[str, Any] = {
        "down": lambda: setattr(settings, "TWILIO_API_URL", "http://127.0.0.1:9"),
        "500": lambda: server.fail_next(status=500),
        "429": lambda: server.fail_next(status=429, body={"code": 20429}),
        "hang": server.hang_next,
        "drop": server.drop_next,
        "not JSON": lambda: server.fail_next(status=200, body=b"<html>"),
    }
    away[how]()

    assert sending.send_due("sms") == 1
    assert sending.send_due("sms") == 0

    text = Message.objects.get(channel="sms")
    assert (text.state, text.attempts) == ("queued", 1)
    assert text.reason != ""
    assert ChannelState.objects.get(pk="sms").failures == 1
    assert server.texts == []

    settings.TWILIO_API_URL = server.url
    let_time_pass()
    sending.send_due("sms")
    let_time_pass()
    sending.send_due("sms")

    text.refresh_from_db()
    assert (text.state, text.reference) == ("sent", f"SM{1:032x}")
    assert len(server.texts) == 1


@pytest.mark.django_db(transaction=True)
def test_mail_does_not_wait_for_texts(server: Twilio) -> None:
    queue()
    server.hang_next()
    sending.send_due("sms")

    assert sending.send_due("email") == 1

    assert Message.objects.get(channel="email").state == "sent"


@pytest.mark.django_db
def test_text_is_refused_for_good(server: Twilio) -> None:
    queue()
    server.fail_next(status=400, body=NOT_A_NUMBER)

    sending.send_due("sms")

    text = Message.objects.get(channel="sms")
    assert text.state == "failed"
    assert text.reason == "21211 Invalid 'To' Phone Number: +8210XXXX"
