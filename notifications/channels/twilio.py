"""Text messages by Twilio's REST API (the Messages resource).

Twilio knows no idempotency key: an answer that is lost may mean a second text.
"""

import re

from django.conf import settings

from common import http
from notifications.channels.base import Letter
from notifications.errors import ChannelAway, MessageRefused

# What Twilio takes in one message; the rest would be refused.
LONGEST = 1_600  # characters
E164 = re.compile(r"\+[1-9]\d{6,14}")
PUNCTUATION = str.maketrans("", "", " -().")
# Twilio advises against telling its error codes apart, so only the status counts. This
# one speaks of the message; 401, 403 and 404 speak of our account.
ABOUT_THE_MESSAGE = 400


def send(letter: Letter) -> str:
    """Send one text message; return its SID."""
    number = letter.to.translate(PUNCTUATION)
    if not E164.fullmatch(number):
        raise MessageRefused("the number is not international: +82 10 …")
    account = settings.TWILIO_ACCOUNT_SID
    try:
        reply = http.call(
            "POST",
            f"{settings.TWILIO_API_URL}/2010-04-01/Accounts/{account}/Messages.json",
            auth=(account, settings.TWILIO_AUTH_TOKEN),
            data={"To": number, **_sender(), "Body": letter.text[:LONGEST]},
        )
        return str(reply.json()["sid"])
    except http.Away as error:
        raise ChannelAway(str(error)) from error
    except http.Refused as error:
        is_the_message = error.status == ABOUT_THE_MESSAGE
        raise (MessageRefused if is_the_message else ChannelAway)(
            _words(error.reply)
        ) from error


def _sender() -> dict[str, str]:
    sender = settings.TWILIO_FROM
    # A service picks a number of its own.
    return {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}


def _words(reply: http.Reply) -> str:
    try:
        told = reply.json()
        return f"{told['code']} {told['message']}"
    except (http.Away, KeyError, TypeError):
        return f"HTTP {reply.status}"
