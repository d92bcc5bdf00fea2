"""Who hears of an event, and by which ways they want to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User
from notifications.kinds import FIXED, ON_BY_DEFAULT, Kind
from notifications.models import Channel, Group, Preference, QuietHours

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Reader:
    """Somebody to be told: a user, or a guest known by an e-mail address alone."""

    email: str
    language: str
    user: User | None = None
    choices: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    hours: QuietHours | None = None

    def address(self, channel: Channel) -> str:
        """Return where a channel reaches them; empty if it does not."""
        if channel == Channel.EMAIL:
            return self.email
        if self.user is None:
            return ""
        return self.user.phone if channel == Channel.SMS else f"user:{self.user.pk}"

    def wants(self, kind: Kind, channel: Channel) -> bool:
        """Tell whether they want this kind of news this way."""
        if self.user is None:
            return channel == Channel.EMAIL and not kind.is_marketing
        consent = consent_of(self.user, kind.group, channel)
        return chosen(self.choices, kind.group, channel) if consent is None else consent


def consent_of(user: User, group: str, channel: str) -> bool | None:
    """Return the consent that an offer needs; ``None`` where none is needed."""
    if group != Group.PROMOTIONS:
        return None
    if channel == Channel.EMAIL:
        return user.wants_marketing_email
    return user.wants_marketing_sms if channel == Channel.SMS else None


def chosen(
    choices: Mapping[tuple[str, str], bool], group: Group, channel: Channel
) -> bool:
    """Return what was chosen for a channel of a group, or else its default."""
    if (group, channel) in FIXED:
        return True
    return choices.get((group, channel), channel in ON_BY_DEFAULT[group])


def user_ids_of(payload: Payload) -> frozenset[int]:
    """Return the users that an event names."""
    named = payload.get("user_ids") or [payload.get("user_id")]
    return frozenset(int(one) for one in named if one)


def users_to_tell(ids: Iterable[int], *, broadcasts: int) -> QuerySet[User]:
    """Return the users named; ``broadcasts`` ask for all who consented to offers."""
    found = Q(pk__in=list(ids))
    if broadcasts:
        found |= Q(wants_marketing_email=True) | Q(wants_marketing_sms=True)
    return User.objects.filter(found, is_active=True)


def guest_of(payload: Payload, kind: Kind) -> Reader | None:
    """Return the guest an event is for; nobody advertises to guests."""
    email = str(payload.get("email") or "").strip().lower()
    if not email or payload.get("user_id") or kind.is_marketing:
        return None
    return Reader(email=email, language=known_language(payload.get("language")))


def readers(users: Iterable[User]) -> list[Reader]:
    """Return users together with what they chose."""
    found = {user.pk: user for user in users}
    choices: dict[int, dict[tuple[str, str], bool]] = defaultdict(dict)
    for one in Preference.objects.filter(user__in=found):
        choices[one.user_id][one.group, one.channel] = one.is_on
    hours = QuietHours.objects.in_bulk(list(found))
    return [
        Reader(
            email=user.email,
            language=known_language(user.language),
            user=user,
            choices=choices[pk],
            hours=hours.get(pk),
        )
        for pk, user in found.items()
    ]


def known_language(language: Any) -> str:
    """Return a language the shop speaks: the given one or the shop's own."""
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
