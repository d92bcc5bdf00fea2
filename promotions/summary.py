"""A promotion in one sentence, and how it stands, for those who decide on it."""

from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from common.money import money
from promotions.models import AUDIENCES, Promotion
from promotions.pricing import Audience, PromotionKind


def sentence(promotion: Promotion, scope: list[str]) -> str:
    """Say what a promotion gives; ``scope`` names what it is for, empty is all.

    "10 % off Lamps, at most ₩5,000, from ₩30,000, 1 June – 30 June 2026, budget
    ₩1,000,000".
    """
    parts = [f"{_gives(promotion)} {_scope(scope)}"]
    if promotion.max_discount is not None:
        parts.append(_("at most %s") % money(promotion.max_discount))
    if promotion.min_spend:
        parts.append(_("from %s") % money(promotion.min_spend))
    if promotion.audience != Audience.EVERYONE:
        parts.append(str(AUDIENCES[Audience(promotion.audience)]).lower())
    parts.append(_dates(promotion.starts_at, promotion.ends_at))
    if promotion.budget is not None:
        parts.append(_("budget %s") % money(promotion.budget))
    return ", ".join(parts)


def state_of(promotion: Promotion, now: datetime) -> str:
    """Return "over", "paused", "scheduled", "spent" or "running"."""
    if promotion.ends_at is not None and promotion.ends_at <= now:
        return "over"
    if not promotion.is_active:
        return "paused"
    if promotion.starts_at > now:
        return "scheduled"
    if promotion.budget is not None and promotion.spent >= promotion.budget:
        return "spent"
    return "running"


def _gives(promotion: Promotion) -> str:
    if promotion.kind == PromotionKind.PERCENT:
        return _("%s %% off") % promotion.value
    if promotion.kind == PromotionKind.FIXED:
        return _("%s off") % money(promotion.value)
    if promotion.kind == PromotionKind.N_FOR_M:
        counts = {"take": promotion.take, "pay": promotion.pay}
        return _("take %(take)s, pay for %(pay)s of") % counts
    return _("free delivery with")


def _scope(names: list[str]) -> str:
    most = 3
    if not names:
        return _("everything")
    if len(names) > most:
        more = {"some": ", ".join(names[:most]), "n": len(names) - most}
        return _("%(some)s and %(n)s more") % more
    return ", ".join(names)


def _dates(starts_at: datetime, ends_at: datetime | None) -> str:
    if ends_at is None:
        return _("from %s on") % _moment(starts_at)
    # The end is the first moment after it: of whole days people say the last one.
    return f"{_moment(starts_at)} – {_moment(ends_at, is_end=True)}"


def _moment(moment: datetime, *, is_end: bool = False) -> str:
    local = localtime(moment)
    if (local.hour, local.minute) != (0, 0):
        return date_format(local, "j F Y, H:i")
    return date_format(local - timedelta(days=1) if is_end else local, "j F Y")
