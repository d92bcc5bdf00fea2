"""Requests as the views of this package see them."""

from rest_framework.request import Request

from accounts.models import User


class AuthenticatedRequest(Request):
    """What a view gets once ``IsAuthenticated`` has let the request through."""

    user: User
