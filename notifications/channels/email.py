"""Letters by Django's mail: SMTP, files, or whoever ``EMAIL_BACKEND`` names."""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from notifications.channels.base import Letter
from notifications.errors import ChannelAway, MessageRefused, TryLater

FINAL = range(500, 600)
SERVICE_CLOSES = 421
# Of a provider's API: these speak of one letter, the others of us or of the provider.
ABOUT_THE_LETTER = frozenset({400, 413, 422})


def send(letter: Letter) -> str:
    """Send one letter; a server that drips is cut off."""
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        to=[letter.to],
        headers={"Message-ID": letter.id, **letter.headers},
    )
    if letter.html:
        mail.attach_alternative(letter.html, "text/html")
    with _told_apart():
        connection = get_connection()
        with _deadline(connection), connection:
            connection.send_messages([mail])
    return letter.id


@contextmanager
def _told_apart() -> Iterator[None]:
    """Say of what went wrong whether the letter or the server is to blame."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        [(code, words)] = error.recipients.values()
        raise _about_the_letter(code, words) from error
    except smtplib.SMTPDataError as error:
        raise _about_the_letter(error.smtp_code, error.smtp_error) from error
    except AnymailRecipientsRefused as error:
        raise MessageRefused(str(error)) from error
    except AnymailAPIError as error:
        kind = MessageRefused if error.status_code in ABOUT_THE_LETTER else ChannelAway
        raise kind(f"HTTP {error.status_code}") from error
    except (smtplib.SMTPException, AnymailError, OSError) as error:
        raise ChannelAway(f"{type(error).__name__}: {error}") from error


def _about_the_letter(code: int, words: bytes | str) -> Exception:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    if code == SERVICE_CLOSES:
        return ChannelAway(f"{code} {text}")
    kind = MessageRefused if code in FINAL else TryLater
    return kind(f"{code} {text}")


@contextmanager
def _deadline(connection: Any) -> Iterator[None]:
    """End a conversation in which each byte comes just in time."""
    watchdog = Timer(2 * settings.PROVIDER_TIMEOUT, _cut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _cut(connection: Any) -> None:
    sock = getattr(getattr(connection, "connection", None), "sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
