"""The sentence that says why a product is shown."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import picks
from analytics.picks import Pick


def reason_text(pick: Pick) -> str:
    """Return the reason in the reader's language; empty where there is none to give."""
    word = _WORDS.get(pick.why)
    return word(pick) if word else ""


def _bought_together(pick: Pick) -> str:
    return ngettext(
        "Bought together in %(count)s order",
        "Bought together in %(count)s orders",
        pick.number,
    ) % {"count": pick.number}


def _bought_by_same(pick: Pick) -> str:
    return ngettext(
        "%(count)s shopper took both",
        "%(count)s shoppers took both",
        pick.number,
    ) % {"count": pick.number}


def _viewed_together(pick: Pick) -> str:
    return ngettext(
        "%(count)s shopper looked at both",
        "%(count)s shoppers looked at both",
        pick.number,
    ) % {"count": pick.number}


def _because_viewed(pick: Pick) -> str:
    return _("Because you viewed %(name)s") % {"name": pick.name}


def _because_bought(pick: Pick) -> str:
    return _("Because you bought %(name)s") % {"name": pick.name}


def _because_in_cart(pick: Pick) -> str:
    return _("Because %(name)s is in your cart") % {"name": pick.name}


def _because_waited(pick: Pick) -> str:
    return _("Because you wait for %(name)s") % {"name": pick.name}


def _popular(pick: Pick) -> str:
    return _("Popular in %(name)s this week") % {"name": pick.name}


def _trending(_pick: Pick) -> str:
    return _("Much asked for these days")


def _shelf(pick: Pick) -> str:
    return _("New in %(name)s") % {"name": pick.name}


_WORDS: dict[str, Callable[[Pick], str]] = {
    picks.BOUGHT_TOGETHER: _bought_together,
    picks.BOUGHT_BY_SAME: _bought_by_same,
    picks.VIEWED_TOGETHER: _viewed_together,
    picks.BECAUSE_VIEWED: _because_viewed,
    picks.BECAUSE_BOUGHT: _because_bought,
    picks.BECAUSE_IN_CART: _because_in_cart,
    picks.BECAUSE_WAITED: _because_waited,
    picks.POPULAR: _popular,
    picks.TRENDING: _trending,
    picks.SHELF: _shelf,
}
