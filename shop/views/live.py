"""What pages ask for while they have no socket."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from notifications import selectors as notifications
from shop.typing import user_id_of


@require_safe
def unread(request: HttpRequest) -> JsonResponse:
    """Return the number on the bell; 401 once the login is over."""
    user_id = user_id_of(request)
    if user_id is None:
        return JsonResponse({}, status=401)
    return JsonResponse({"unread": notifications.unread_count(user_id)})
