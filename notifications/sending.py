"""Sends what waits: claimed in one transaction, sent in none, settled in another.

A claim is a lease. Whoever dies with a message leaves it to the next worker, so it may
go out twice only if the death came between the sending and the note of it.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from notifications.audience import consent_of
from notifications.channels import browser, email, sms, twilio
from notifications.channels.base import LetterChannel
from notifications.errors import ChannelAway, MessageRefused, TryLater
from notifications.kinds import KINDS, NOT_AT_NIGHT
from notifications.letters import letter_of
from notifications.models import (
    Channel,
    ChannelState,
    Message,
    MessageQuerySet,
    MessageState,
    Notification,
    QuietHours,
)
from notifications.quiet import quiet_until
from orders.models import Order, OrderStatus

BATCH = 20
# Nothing new is begun after these; together with the longest single sending they stay
# within the lease.
SENDING_SECONDS = 30
LEASE = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=30)
# A mailbox that is full for so long stays full. A channel that is away is waited for.
GIVE_UP_AFTER = timedelta(days=4)
FIRST_CLOSING = timedelta(seconds=2)
LONGEST_CLOSING = timedelta(minutes=1)
SMS_CHANNELS: Mapping[str, LetterChannel] = {"console": sms, "twilio": twilio}

logger = logging.getLogger(__name__)


def send_due(channel: str) -> int:
    """Send one batch of due messages of a channel; return how many were tried.

    Once the channel turns out to be away the rest of the batch stays unsent, and for a
    while one worker at a time tries one message.
    """
    claimed = _claim(channel)
    end = time.monotonic() + SENDING_SECONDS
    for place, message in enumerate(claimed):
        if time.monotonic() > end:
            _give_back(claimed[place:])
            return place
        if not _send_one(message):
            _give_back(claimed[place + 1 :])
            return place + 1
    return len(claimed)


@transaction.atomic
def _claim(channel: str) -> list[Message]:
    states = ChannelState.objects.select_for_update(no_key=True)
    state, _ = states.get_or_create(channel=channel)
    now = timezone.now()
    if state.closed_until is not None and state.closed_until > now:
        return []
    limit = BATCH
    if state.failures:
        limit, state.closed_until = 1, now + LEASE
        state.save(update_fields=["closed_until"])
    claimed = list(
        Message.objects.due(channel, now)
        .select_related("user")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("due_at", "pk")[:limit]
    )
    if state.failures and not claimed:
        _open(channel)
    Message.objects.filter(pk__in=[message.pk for message in claimed]).update(
        attempts=F("attempts") + 1, due_at=now + LEASE
    )
    for message in claimed:
        message.attempts += 1
    return claimed


def _send_one(message: Message) -> bool:
    """Send a message and note what became of it; tell whether the channel is there."""
    try:
        if not _may_go(message):
            _knock_again(message.channel)
            return True
        reference = _carry(message)
    except ChannelAway as error:
        _close(message.channel, error)
        _later(message, error)
        return False
    except TryLater as error:
        _later_or_never(message, error)
    except MessageRefused as error:
        _settle(message, MessageState.FAILED, reason=str(error))
    except Exception as error:
        # A mistake of ours in one message must not keep the others.
        logger.exception("message %s cannot be sent", message.pk)
        _later_or_never(message, error)
    else:
        _settle(message, MessageState.SENT, reference=reference)
    _open(message.channel)
    return True


def _may_go(message: Message) -> bool:
    """Look once more: what was true when it was written may be so no longer."""
    user, kind = message.user, KINDS[message.kind]
    if kind.patience and _is_overtaken(message):
        _settle(message, MessageState.SKIPPED, reason="it was overtaken")
        return False
    if user is None:
        return True
    if not user.is_active:
        _settle(message, MessageState.SKIPPED, reason="the account is blocked")
        return False
    if consent_of(user, kind.group, message.channel) is False:
        _settle(message, MessageState.SKIPPED, reason="the consent was withdrawn")
        return False
    if message.channel in NOT_AT_NIGHT:
        now = timezone.now()
        hours = QuietHours.objects.filter(pk=user.pk).first()
        until = quiet_until(hours, now)
        if until > now:
            _own(message).update(due_at=until)
            return False
    return True


def _is_overtaken(message: Message) -> bool:
    order = Order.objects.filter(number=message.params.get("number", "")).first()
    return order is not None and order.status != OrderStatus.PENDING


def _carry(message: Message) -> str:
    if message.channel == Channel.BROWSER and message.user_id:
        told = Notification.objects.of_user(message.user_id)
        browser.send(told.get(event_id=message.event_id))
        return ""
    return _letter_channel(message).send(letter_of(message))


def _letter_channel(message: Message) -> LetterChannel:
    if message.channel == Channel.EMAIL:
        return email
    try:
        return SMS_CHANNELS[settings.SMS_CHANNEL]
    except KeyError:
        raise ChannelAway("SMS_CHANNEL names no gateway") from None


def _settle(
    message: Message, state: MessageState, *, reason: str = "", reference: str = ""
) -> None:
    _own(message).update(
        state=state,
        sent_at=Now() if state == MessageState.SENT else None,
        reason=reason[:300],
        reference=reference[:100],
    )


def _later_or_never(message: Message, error: Exception) -> None:
    if timezone.now() - message.created_at > GIVE_UP_AFTER:
        _settle(message, MessageState.FAILED, reason=f"given up: {error}")
    else:
        _later(message, error)


def _later(message: Message, error: Exception) -> None:
    text = str(error) or type(error).__name__
    _own(message).update(
        due_at=Now() + pause_after(message.attempts), reason=text[:300]
    )


def _give_back(messages: Sequence[Message]) -> None:
    for message in messages:
        _own(message).update(due_at=Now(), attempts=F("attempts") - 1)


def _own(message: Message) -> MessageQuerySet:
    # A lease can have run out: then the number is another worker's, and so is the say.
    return Message.objects.queued().filter(pk=message.pk, attempts=message.attempts)


def pause_after(attempt: int) -> timedelta:
    """Return the pause before the next attempt: 5 s, 10 s, 20 s … 30 min."""
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(FIRST_PAUSE * doublings, LONGEST_PAUSE)


def _close(channel: str, error: Exception) -> None:
    with transaction.atomic():
        state = ChannelState.objects.select_for_update(no_key=True).get(pk=channel)
        pause = min(FIRST_CLOSING * 2 ** min(state.failures, 20), LONGEST_CLOSING)
        state.failures += 1
        state.closed_until = timezone.now() + pause
        state.last_error = str(error)[:300]
        state.save()


def _open(channel: str) -> None:
    ChannelState.objects.filter(pk=channel, failures__gt=0).update(
        failures=0, closed_until=None, last_error=""
    )


def _knock_again(channel: str) -> None:
    # The one message that was to find out did not have to go.
    ChannelState.objects.filter(pk=channel, failures__gt=0).update(closed_until=Now())
