"""What people are told is written down once, and what they say about it is kept.

The relay of the outbox calls ``tell``. Sending is another matter: see ``sending``.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from common.db import use_case
from coupons.models import CouponBatch
from notifications.audience import (
    Reader,
    guest_of,
    readers,
    user_ids_of,
    users_to_tell,
)
from notifications.channels import is_there
from notifications.errors import (
    AlreadySent,
    NotificationNotFound,
    QuietHoursEmpty,
    UnknownChoice,
)
from notifications.facts import facts_of, path_of, short, url_of
from notifications.kinds import FIXED, NOT_AT_NIGHT, TOPICS, Kind, kind_of, offered
from notifications.models import (
    Channel,
    Group,
    Message,
    MessageState,
    Notification,
    Preference,
    QuietHours,
)
from notifications.quiet import quiet_until
from notifications.wording import words
from outbox.services import DELIVERED, Outcome, OutgoingEvent
from wishlist.selectors import wishers_of

logger = logging.getLogger(__name__)

# News of one shopper are written one after another, so that their ids become visible
# in order: who has seen one has seen all before it.
LOCK_SQL = "SELECT pg_advisory_xact_lock(%s, pk) FROM unnest(%s::int[]) AS pk"
LOCK_SPACE = 0x7E11  # any constant that nobody else uses
INT_MAX = 2**31 - 1
BATCH_ROWS = 1_000
LONGEST_URL = 500
WISHED_TOPIC = "product.price_changed"


@dataclass(frozen=True, slots=True)
class _News:
    """One event as the news it is, before anybody is told."""

    event_id: UUID
    kind: Kind
    facts: Mapping[str, Any]
    url: str
    user_ids: frozenset[int]
    guest: Reader | None

    @property
    def is_broadcast(self) -> bool:
        return self.kind.is_marketing and not self.user_ids


def tell(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Write down what each event is to whom; the messages wait to be sent.

    An event that is told again changes nothing. One that makes no sense is given up,
    and the others are not its victims.
    """
    news, outcomes = [], []
    names, wishers = _coupon_names(events), _wishers(events)
    for event in events:
        try:
            found = _news_of(event, names, wishers)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            logger.exception("event %s makes no sense", event.id)
            text = f"{type(error).__name__}: {error}"
            outcomes.append(Outcome(error=text, is_final=True))
            continue
        outcomes.append(DELIVERED)
        if found is not None:
            news.append(found)
    if news:
        _write_down(news)
    return outcomes


@use_case
def read(*, user_id: int, notification_id: int) -> Notification:
    """Mark one notification as read; raise ``NotificationNotFound``."""
    own = Notification.objects.of_user(user_id).filter(pk=notification_id)
    own.unread().update(read_at=_read_now())
    found = own.first()
    if found is None:
        raise NotificationNotFound
    return found


@use_case
def read_all(*, user_id: int, until_id: int | None = None) -> int:
    """Mark everything as read, up to what was seen; return how many were new."""
    unread = Notification.objects.of_user(user_id).unread()
    if until_id is not None:
        unread = unread.filter(pk__lte=until_id)
    return unread.update(read_at=_read_now())


@use_case
def choose(
    *,
    user_id: int,
    choices: Mapping[tuple[str, str], bool],
    hours: tuple[time, time] | None,
) -> None:
    """Set which groups take which channels, and the quiet hours (shop's clock).

    What is not named stays. Raises ``UnknownChoice``; what cannot be switched off is
    passed over.
    """
    for group, channel in choices:
        if group not in Group.values or channel not in offered(Group(group)):
            raise UnknownChoice(group, channel)
    consents = {
        channel: is_on
        for (group, channel), is_on in choices.items()
        if group == Group.PROMOTIONS and channel in {Channel.EMAIL, Channel.SMS}
    }
    if consents:
        accounts.set_consents(user_id=user_id, consents=consents)
    Preference.objects.bulk_create(
        [
            Preference(user_id=user_id, group=group, channel=channel, is_on=is_on)
            for (group, channel), is_on in choices.items()
            if not (group == Group.PROMOTIONS and channel in consents)
            and (group, channel) not in FIXED
        ],
        update_conflicts=True,
        unique_fields=["user", "group", "channel"],
        update_fields=["is_on"],
    )
    _set_hours(user_id, hours)


@use_case
def unsubscribe(*, user_id: int, channel: str) -> None:
    """Withdraw the consent to offers by a channel; twice is as good as once."""
    accounts.set_consents(user_id=user_id, consents={channel: False})


@use_case
def send_again(*, message_id: int) -> Message:
    """Let a message be sent once more, to the address it had; raise ``AlreadySent``."""
    message = Message.objects.select_for_update(no_key=True).get(pk=message_id)
    if message.state == MessageState.QUEUED:
        raise AlreadySent
    message.state, message.sent_at, message.reason = MessageState.QUEUED, None, ""
    message.due_at = timezone.now()
    message.save(update_fields=["state", "sent_at", "reason", "due_at"])
    return message


@use_case
def send_failed_again(message_ids: Sequence[int]) -> int:
    """Let messages that failed be sent once more; return how many did."""
    failed = Message.objects.failed().filter(pk__in=message_ids)
    return failed.update(
        state=MessageState.QUEUED, sent_at=None, reason="", due_at=timezone.now()
    )


@use_case
def close_failed(message_ids: Sequence[int], *, reason: str) -> int:
    """Leave what failed unsent, for a reason of the staff's; return how many."""
    failed = Message.objects.failed().filter(pk__in=message_ids)
    return failed.update(state=MessageState.SKIPPED, reason=f"handled: {reason}")


def _coupon_names(events: Sequence[OutgoingEvent]) -> Mapping[Any, str]:
    ids = {batch_id for e in events if (batch_id := e.payload.get("batch_id"))}
    if not ids:
        return {}
    return dict(CouponBatch.objects.filter(pk__in=ids).values_list("pk", "name"))


def _wishers(events: Sequence[OutgoingEvent]) -> Mapping[int, frozenset[int]]:
    ids = {e.payload.get("product_id") for e in events if e.topic == WISHED_TOPIC}
    return wishers_of(key for key in ids if key) if ids else {}


def _news_of(
    event: OutgoingEvent,
    names: Mapping[Any, str],
    wishers: Mapping[int, frozenset[int]],
) -> _News | None:
    kind = kind_of(event.topic, event.payload) if event.topic in TOPICS else None
    if kind is None:
        return None
    user_ids = user_ids_of(event.payload)
    if kind.is_for_wishers:
        user_ids = wishers.get(event.payload["product_id"], frozenset())
        if not user_ids:
            return None
    facts = facts_of(event.payload)
    if batch_id := event.payload.get("batch_id"):
        facts["coupon_name"] = names[batch_id]
    # Better no letter than one with a hole in it.
    words(kind, facts)
    return _News(
        event_id=event.id,
        kind=kind,
        facts=facts,
        url=url_of(kind, event.payload),
        user_ids=user_ids,
        guest=guest_of(event.payload, kind),
    )


@use_case
def _write_down(news: Sequence[_News]) -> None:
    named = frozenset[int]().union(*(one.user_ids for one in news))
    broadcasts = sum(one.is_broadcast for one in news)
    told = readers(users_to_tell(named, broadcasts=broadcasts))
    _lock_lists(told)
    notifications: list[Notification] = []
    messages: list[Message] = []
    now = timezone.now()
    for one in news:
        for reader in _readers_of(one, told):
            if reader.user is not None:
                notifications.append(_notification(one, reader.user))
            messages += _messages(one, reader, now)
    # What is there already was told by the first who came with this event.
    Notification.objects.bulk_create(
        notifications, ignore_conflicts=True, batch_size=BATCH_ROWS
    )
    Message.objects.bulk_create(messages, ignore_conflicts=True, batch_size=BATCH_ROWS)


def _readers_of(news: _News, told: Iterable[Reader]) -> list[Reader]:
    if news.guest is not None:
        return [news.guest]
    if news.is_broadcast:
        return [one for one in told if any(one.wants(news.kind, c) for c in Channel)]
    named = [one for one in told if one.user and one.user.pk in news.user_ids]
    if not news.kind.is_for_wishers:
        return named
    ways = news.kind.channels
    return [one for one in named if any(one.wants(news.kind, way) for way in ways)]


def _lock_lists(told: Iterable[Reader]) -> None:
    ids = sorted(one.user.pk % INT_MAX for one in told if one.user is not None)
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(LOCK_SQL, [LOCK_SPACE, ids])


def _notification(news: _News, user: User) -> Notification:
    return Notification(
        user=user,
        event_id=news.event_id,
        kind=news.kind.name,
        group=news.kind.group,
        params=short(news.facts),
        url=path_of(news.url),
    )


def _messages(news: _News, reader: Reader, now: datetime) -> list[Message]:
    wanted = [
        channel
        for channel in Channel
        if channel in news.kind.channels
        and is_there(channel)
        and reader.wants(news.kind, channel)
    ]
    return [_message(news, reader, channel, now) for channel in wanted]


def _message(news: _News, reader: Reader, channel: Channel, now: datetime) -> Message:
    is_letter = channel == Channel.EMAIL
    address = reader.address(channel)
    due_at = now + news.kind.patience
    if channel in NOT_AT_NIGHT:
        due_at = quiet_until(reader.hours, due_at)
    return Message(
        event_id=news.event_id,
        user=reader.user,
        guest_email="" if reader.user else reader.email,
        channel=channel,
        address=address,
        kind=news.kind.name,
        language=reader.language,
        params=dict(news.facts) if is_letter else short(news.facts),
        url=news.url[:LONGEST_URL],
        state=MessageState.QUEUED if address else MessageState.SKIPPED,
        reason="" if address else "no address",
        due_at=due_at,
    )


def _set_hours(user_id: int, hours: tuple[time, time] | None) -> None:
    if hours is None:
        QuietHours.objects.filter(pk=user_id).delete()
        return
    starts, ends = hours
    if starts == ends:
        raise QuietHoursEmpty
    QuietHours.objects.update_or_create(
        pk=user_id, defaults={"starts": starts, "ends": ends}
    )


def _read_now() -> Greatest:
    # Two clocks may differ by a hair; nobody reads what is yet to come.
    return Greatest(Now(), F("created_at"))
