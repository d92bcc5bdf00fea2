"""What can go wrong in the business, as opposed to in the program.

Each app derives its own errors from one of the kinds below. ``code`` is stable and
part of the API; the keyword arguments are the numbers a client needs to react.
"""

from typing import Any

from django.utils.functional import Promise


class DomainError(Exception):
    """A rule of the shop says no. Nothing has been changed."""

    code = "refused"

    def __init__(self, detail: str | Promise, **extra: Any) -> None:
        super().__init__(str(detail))
        self.detail = detail
        self.extra = extra


class Invalid(DomainError):
    """The request makes no sense, whatever the state of the shop."""

    code = "invalid"


class Forbidden(DomainError):
    """The actor may not do this."""

    code = "forbidden"


class NotFound(DomainError):
    """There is no such thing, or it is somebody else's."""

    code = "not_found"


class Conflict(DomainError):
    """The request makes sense but not in the present state."""

    code = "conflict"


class Gone(DomainError):
    """It was there once."""

    code = "gone"


class Mismatch(DomainError):
    """An idempotency key came back with another request."""

    code = "idempotency_mismatch"


class Unavailable(DomainError):
    """The shop is too busy right now; the same request may succeed soon."""

    code = "unavailable"
