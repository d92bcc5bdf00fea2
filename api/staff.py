"""What only staff may do, and the log of what they did."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from rest_framework.exceptions import PermissionDenied

from api.typing import AuthenticatedRequest


def demand(request: AuthenticatedRequest, permission: str) -> None:
    """Refuse whoever has not the permission, before anything is looked up."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def note(
    request: AuthenticatedRequest, thing: Model, reason: str, *, flag: int = CHANGE
) -> None:
    """Keep in the staff's log what was done to something, and why."""
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(type(thing)),
        object_id=str(thing.pk),
        object_repr=str(thing)[:200],
        action_flag=flag,
        change_message=f"API {request.method} {request.path}: {reason}",
    )
