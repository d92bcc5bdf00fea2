"""What was typed at checkout by somebody whose session had ended meanwhile.

They sign in and come back; the form is filled as they had left it. Nothing is ordered
by that, and nobody else who signs in here sees it.
"""

from typing import Any

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

from accounts.models import ADDRESS_FIELDS
from shop.typing import user_id_of

KEPT = "checkout_form"
FIELDS = (
    *ADDRESS_FIELDS,
    "address",
    "delivery",
    "coupon",
    "payment",
    "points_part",
    "keep_address",
)
LONGEST = 300


def buyer_mark(request: HttpRequest) -> str:
    """Return a token that says whose page this is; empty for a guest's."""
    user_id = user_id_of(request)
    return _signer().sign(str(user_id)) if user_id else ""


def was_signed_in(request: HttpRequest) -> bool:
    """Tell whether a form was made for somebody who is not signed in any more."""
    return user_id_of(request) is None and _buyer(request.POST.get("buyer")) is not None


def keep_form(request: HttpRequest) -> None:
    """Remember what was typed until its buyer has signed in again."""
    said = {name: value[:LONGEST] for name, value in request.POST.items()}
    kept = {name: said[name] for name in FIELDS if name in said}
    request.session[KEPT] = {"buyer": said.get("buyer", ""), "form": kept}


def take_form(request: HttpRequest) -> dict[str, Any]:
    """Return what its buyer had typed, once; nothing to anybody else."""
    if user_id_of(request) is None or KEPT not in request.session:
        return {}
    kept: dict[str, Any] = request.session.pop(KEPT)
    is_own = _buyer(kept["buyer"]) == user_id_of(request)
    return kept["form"] if is_own else {}


def _buyer(mark: str | None) -> int | None:
    try:
        return int(_signer().unsign(mark or ""))
    except (BadSignature, ValueError):
        return None


def _signer() -> Signer:
    # Not at import: that would need the key before its absence can be told.
    return Signer(salt="shop.checkout")
