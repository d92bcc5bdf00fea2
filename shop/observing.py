"""Whether a browser may be observed, and what is then noted of its pages.

The answer of a visitor is one cookie: ``no``, or a random name to be observed under.
Shoppers with an account answer once for all their browsers.
"""

import re
import secrets

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from analytics import behaviour, pseudonyms
from analytics.behaviour import Act
from analytics.models import Behaviour
from analytics.picks import Audience
from analytics.trial import LISTS
from shop.cookies import remember
from shop.storefront import storefront_of
from shop.typing import is_fragment

OBSERVED_COOKIE = "observed"
DISMISSED_COOKIE = "dismissed"
COOKIE_DAYS = 180
REFUSED = "no"
MOST_DISMISSED = 50
_VISITOR = re.compile(r"[\w-]{22}", re.ASCII)
_IDS = re.compile(r"\d{1,18}(\.\d{1,18})*", re.ASCII)


def visitor_id(request: HttpRequest) -> str:
    """Return the name a visitor agreed to be observed under, if they did."""
    value = request.COOKIES.get(OBSERVED_COOKIE, "")
    return value if _VISITOR.fullmatch(value) else ""


def asks(request: HttpRequest) -> bool:
    """Tell whether nobody has asked this person yet, nor a browser has said no."""
    # Global Privacy Control: the browser has answered for its owner.
    if request.headers.get("Sec-GPC") == "1":
        return False
    front = storefront_of(request)
    if front.is_signed_in:
        return front.counts.consents is None
    is_answered = request.COOKIES.get(OBSERVED_COOKIE) == REFUSED
    return not is_answered and not visitor_id(request)


def audience_of(request: HttpRequest) -> Audience:
    """Return whom the lists of a page are for; costs no statement of its own."""
    front = storefront_of(request)
    if front.user_id is not None:
        choices = front.counts
        name = pseudonyms.of_user(front.user_id)
        actor = name if choices.consents else None
        wants = choices.wants_recommendations and not pseudonyms.is_plain(actor)
        return Audience(front.user_id, actor, clever=wants)
    visitor = visitor_id(request)
    actor = pseudonyms.of_visitor(visitor) if visitor else None
    without = tuple(dismissed_by_visitor(request))
    return Audience(None, actor, without, clever=not pseudonyms.is_plain(actor))


def wants_lists(request: HttpRequest) -> bool:
    """Tell whether lists that look at somebody's past may be shown at all."""
    front = storefront_of(request)
    return not front.is_signed_in or front.counts.wants_recommendations


def observe(
    request: HttpRequest,
    kind: Behaviour,
    *,
    product_id: int | None = None,
    query: str = "",
    source: str = "",
) -> None:
    """Note what somebody who consents did; never waits for the database."""
    audience = audience_of(request)
    if audience.actor is None or is_ahead(request):
        return
    at = timezone.now()
    act = Act(kind, audience.actor, at, product_id, query=query, source=source)
    behaviour.record_soon([act])


def observe_product(request: HttpRequest, product_id: int, lists: list[str]) -> None:
    """Note that a product was looked at, the list it was found in, and those shown."""
    # What refreshes itself is not somebody who looks.
    if not (is_fragment(request) or request.method != "GET" or is_ahead(request)):
        note_look(request, product_id, lists)


def is_ahead(request: HttpRequest) -> bool:
    """Tell whether a browser fetches a page that nobody may ever look at."""
    return bool(request.headers.get("Sec-Purpose", ""))


def note_look(request: HttpRequest, product_id: int, lists: list[str]) -> None:
    """Note what ``observe_product`` does, of a page that is on the screen now."""
    actor = audience_of(request).actor
    if actor is None:
        return
    at = timezone.now()
    acts = [Act(Behaviour.VIEW, actor, at, product_id, source="product")]
    if (via := request.GET.get("via", "")) in LISTS:
        acts.append(Act(Behaviour.CLICK, actor, at, product_id, source=via))
    acts += [Act(Behaviour.SHOWN, actor, at, source=name) for name in lists]
    behaviour.record_soon(acts)


def agree(response: HttpResponse) -> str:
    """Give this browser a random name to be observed under, and return it."""
    name = secrets.token_urlsafe(16)
    remember(response, OBSERVED_COOKIE, name, days=COOKIE_DAYS)
    return name


def refuse(response: HttpResponse) -> None:
    """Keep in mind that this browser is not to be observed."""
    remember(response, OBSERVED_COOKIE, REFUSED, days=COOKIE_DAYS)


def dismissed_by_visitor(request: HttpRequest) -> list[int]:
    """Return the products that this browser does not want to see, the last at the end.

    Who has an account keeps them there.
    """
    value = request.COOKIES.get(DISMISSED_COOKIE, "")[:1_000]
    return [int(key) for key in value.split(".")] if _IDS.fullmatch(value) else []


def remember_dismissed(response: HttpResponse, product_ids: list[int]) -> None:
    """Let this browser keep which products it does not want to see."""
    kept = list(dict.fromkeys(product_ids))[-MOST_DISMISSED:]
    if kept:
        remember(response, DISMISSED_COOKIE, ".".join(map(str, kept)), days=COOKIE_DAYS)
    else:
        response.delete_cookie(DISMISSED_COOKIE, samesite="Lax")
