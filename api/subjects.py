"""Whom a request is about: the one rule for every ``user_id``."""

from rest_framework.exceptions import ValidationError

from accounts.models import User
from api.errors import UserIdForbidden, UserNotFound
from api.typing import AuthenticatedRequest
from common import audit

ACT_FOR_ANY = "accounts.act_for_any"


def resolve_subject(request: AuthenticatedRequest, user_id: int | None) -> int:
    """Return the id of the user a request is about.

    No id, or one's own, is oneself. Anybody else's takes the permission to act for any,
    and is refused before anything is looked up: the answer is the same whether there is
    such a user or not.
    """
    own_id = request.user.pk
    if user_id is None or user_id == own_id:
        return own_id
    if not request.user.has_perm(ACT_FOR_ANY):
        raise UserIdForbidden
    if not User.objects.filter(pk=user_id).exists():
        raise UserNotFound
    return user_id


def resolve_payer(
    request: AuthenticatedRequest, user_id: int | None, reason: str
) -> int:
    """Return whose money a request moves; for somebody else a reason is needed."""
    subject = resolve_subject(request, user_id)
    if subject != request.user.pk and not reason:
        raise ValidationError({"reason": ["A reason is required."]}, code="required")
    return subject


def record(request: AuthenticatedRequest, subject: int, reason: str) -> None:
    """Keep in the staff's log what was done for somebody else, and why."""
    if subject == request.user.pk:
        return
    audit.write(
        User(pk=subject),
        actor_id=request.user.pk,
        action=f"API {request.method} {request.path}",
        reason=reason,
    )
