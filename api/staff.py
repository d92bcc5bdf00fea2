"""What only staff may do, and the log of what they did."""

from django.contrib.admin.models import CHANGE
from django.db.models import Model
from rest_framework.exceptions import PermissionDenied

from api.typing import AuthenticatedRequest
from common import audit


def demand(request: AuthenticatedRequest, permission: str) -> None:
    """Refuse whoever has not the permission, before anything is looked up."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def note(
    request: AuthenticatedRequest, thing: Model, reason: str, *, flag: int = CHANGE
) -> None:
    """Keep in the staff's log what was done to something, and why."""
    audit.write(
        thing,
        actor_id=request.user.pk,
        action=f"API {request.method} {request.path}",
        reason=reason,
        flag=flag,
    )
