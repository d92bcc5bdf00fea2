"""Every problem that the API can report, found in the classes of the errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.utils.module_loading import autodiscover_modules
from rest_framework import exceptions

from api import errors
from api.causes import MEANINGS
from common.errors import DomainError

HTTP_ERRORS: tuple[type[exceptions.APIException], ...] = (
    exceptions.ParseError,
    exceptions.AuthenticationFailed,
    exceptions.NotAuthenticated,
    exceptions.PermissionDenied,
    exceptions.NotFound,
    exceptions.MethodNotAllowed,
    exceptions.NotAcceptable,
    exceptions.UnsupportedMediaType,
    errors.BodyTooLarge,
    errors.RateLimited,
    errors.Busy,
    errors.UnexpectedError,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its HTTP status, the class it comes from."""

    status: int
    error: type[Exception]
    code: str

    @property
    def meaning(self) -> str:
        """Say what has happened, in the language of the request."""
        words = MEANINGS.get(self.code) or " ".join((self.error.__doc__ or "").split())
        return str(words)


@cache
def registry() -> dict[str, Kind]:
    """Return every kind of problem by its code."""
    autodiscover_modules("errors")
    family = sorted(_family(DomainError), key=lambda error: len(error.__mro__))
    return {
        errors.code_of(error): Kind(
            errors.status_of(error), error, errors.code_of(error)
        )
        for error in (*family, *HTTP_ERRORS)
    }


def _family(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
