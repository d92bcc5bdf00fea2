"""Less or more of a resource than usual: ``fields``, ``expand``, ``include=total``."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from api.errors import QueryInvalid

Method = TypeVar("Method", bound=Callable[..., Any])
# Counting stops here: nobody reads further, and a count costs as much as its rows.
MOST_COUNTED = 10_000
MOST_NAMES = 50
LONGEST_NAMES = 300


def fields_of(members: AbstractSet[str]) -> OpenApiParameter:
    """Describe the parameter ``fields`` of an answer that has these members."""
    return OpenApiParameter(
        "fields",
        {"type": "string", "pattern": f"^({_names(members)})?$"},
        description=(
            "Only these members, by name with commas between: of each item in a list, "
            "else of the resource."
        ),
    )


class Names(serializers.CharField):
    """Names with commas between, each one of a choice."""

    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        super().__init__(
            max_length=LONGEST_NAMES, trim_whitespace=False, required=False, **options
        )
        self.choices = choices
        shape = {"pattern": f"^{_names(choices)}$", "maxLength": LONGEST_NAMES}
        set_override(self, "field", {"type": "string"} | shape)
        self.help_text = f"{self.help_text or ''} With commas: {', '.join(choices)}."

    def to_internal_value(self, data: Any) -> Any:
        names = frozenset(super().to_internal_value(data).split(","))
        if unknown := sorted(names - {*self.choices}):
            raise serializers.ValidationError(
                _("There is no “%(name)s”.") % {"name": unknown[0]}, "invalid_choice"
            )
        return names


def mark(method: Method, shape: Any) -> Method:
    """Remember what a method of a view answers with."""
    setattr(method, "reply_shape", shape)  # noqa: B010 — functions have no such name
    return method


def members_of(handler: Any) -> frozenset[str]:
    """Return what ``fields`` may name in the answers of a method."""
    return _members(getattr(handler, "reply_shape", None))


def check_fields(request: Request, handler: Any) -> None:
    """Raise ``QueryInvalid`` if ``fields`` names what the answer does not have."""
    names = _named(request)
    if not names:
        return
    unknown = sorted(names - members_of(handler))
    if unknown or len(names) > MOST_NAMES:
        words = _("There is no “%(name)s”.") % {"name": (unknown or ["…"])[0][:50]}
        raise QueryInvalid({"fields": [words]}, "invalid_choice")


def pruned(request: Request, data: Any) -> Any:
    """Return the part of an answer that ``fields`` names, or all of it."""
    names = _named(request)
    if not names or not isinstance(data, Mapping):
        return data
    if _is_list(data.keys()):
        items = [_only(item, names) for item in data["items"]]
        return {**data, "items": items}
    return _only(data, names)


def total_of(request: Request, rows: QuerySet[Any]) -> dict[str, Any]:
    """Return how many rows there are, if that was asked for; see ``counted``."""
    if not wants_total(request):
        return {}
    return counted(rows.order_by()[: MOST_COUNTED + 1].count())


def wants_total(request: Request) -> bool:
    """Tell whether ``include`` names the total."""
    if "include=" not in request.META.get("QUERY_STRING", ""):
        return False
    return "total" in request.query_params.get("include", "").split(",")


def counted(number: int) -> dict[str, Any]:
    """Return a count that stopped one beyond the most that is counted, 10,000."""
    return {
        "total": min(number, MOST_COUNTED),
        "is_total_exact": number <= MOST_COUNTED,
    }


# Carts and orders have items, too, and are no lists.
ONE_OF_A_KIND = {"id", "subtotal"}


def _is_list(members: AbstractSet[str]) -> bool:
    return "items" in members and not members & ONE_OF_A_KIND


def _named(request: Request) -> frozenset[str]:
    # Looked for before it is parsed: almost no request has it.
    if "fields=" not in request.META.get("QUERY_STRING", ""):
        return frozenset()
    given = request.query_params.get("fields", "")
    return frozenset(given.split(",")) if given else frozenset()


def _names(names: Iterable[str]) -> str:
    """Return a pattern of one or more of these, with commas between."""
    choice = "|".join(sorted(names))
    return f"({choice})(,({choice}))*"


def _only(item: Any, names: frozenset[str]) -> Any:
    if not isinstance(item, Mapping):
        return item
    return {name: value for name, value in item.items() if name in names}


def _members(shape: Any) -> frozenset[str]:
    origin = get_origin(shape) or shape
    if not is_typeddict(origin):
        return frozenset()
    hints = get_type_hints(origin)
    if not _is_list(hints.keys()):
        return frozenset(hints)
    [item] = get_args(hints["items"])
    if isinstance(item, TypeVar):
        [item] = get_args(shape)
    return frozenset(get_type_hints(get_origin(item) or item))
