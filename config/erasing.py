"""Forgetting somebody at once and everywhere, and proving that it was done."""

from dataclasses import dataclass, field

from redis.exceptions import RedisError

from accounts import erasing as accounts
from accounts.models import User
from analytics import behaviour, privacy
from catalog import erasing as searches
from checkout import erasing as checkout
from common.traces import Traces
from config import searching
from config.searching import Hit
from notifications import erasing as notifications

# What the law makes shops keep, and what a person can do nothing with.
STAYS = (
    "orders, invoices, payments, refunds: books, without name, address, mail, words",
    "the ledger of points, under the number of the account",
    "country and the first two characters of postal codes, for statistics",
    "tracking numbers, which a carrier needs to find a parcel",
    "what others were told before, letters sent, backups: see to them there",
)
GOES = (
    "name, e-mail, phone, addresses, notes, sign-ins and devices",
    "cart, wishlist, notifications, letters, reviews with their pictures",
    "what they looked at and searched for, where they said yes to it",
    "words in reasons, returns and events, and replies kept for repeated requests",
)


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it. ``left`` are places that still name somebody by their words.

    ``sure`` are those with an e-mail address or phone number; a name or a street in
    another place may be another person's.
    """

    user_id: int
    sure: list[Hit] = field(default_factory=list)
    maybe: list[Hit] = field(default_factory=list)
    # Redis did not answer: what it holds runs out within a day.
    redis_is_away: bool = False


def erase(user_id: int, *, gives_up_points: bool) -> Erased:
    """Erase an account, and look for what is left of it; raises as the page does."""
    user = User.objects.get(pk=user_id)
    traces = checkout.traces_of(user)
    checkout.erase_account(user_id=user_id, gives_up_points=gives_up_points)
    return finish(user_id, traces)


def finish(user_id: int, traces: Traces) -> Erased:
    """Do at once what workers would do soon, and search everything for the words."""
    notifications.forget_user(user_id)
    privacy.forget_user(user_id)
    accounts.end_sessions(user_id, traces)
    away = not _forget_in_redis(traces)
    sure = [word for word in traces.forms() if _is_unique(word)]
    found = list(searching.in_tables(sure))
    places = {hit.place for hit in found}
    others = [word for word in traces.forms() if word not in sure]
    maybe = [hit for hit in searching.in_tables(others) if hit.place not in places]
    return Erased(user_id, found, maybe, redis_is_away=away)


def _forget_in_redis(traces: Traces) -> bool:
    try:
        # What waits there is written, without what is to be forgotten.
        behaviour.flush()
        searches.forget_searches(traces)
        searching.drop_from_redis(searching.in_redis(traces.forms()))
    except RedisError:
        return False
    return True


def _is_unique(word: str) -> bool:
    """Tell whether a word belongs to one person: an address, or a phone's number."""
    return "@" in word or not any(letter.isalpha() for letter in word)
