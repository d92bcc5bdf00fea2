"""The OpenAPI description, made from the types that the code itself is checked with."""

import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import (
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from api.shapes import ProblemJson, ValidationProblemJson

Method = TypeVar("Method", bound=Callable[..., Any])
Schema = dict[str, Any]

SCALARS: dict[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    UUID: {"type": "string", "format": "uuid"},
}
KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description=(
        "Recommended. The same key with the same body gives the first reply again, "
        "with `Idempotency-Replayed: true`."
    ),
)
CART_TOKEN = OpenApiParameter(
    "X-Cart-Token",
    str,
    OpenApiParameter.HEADER,
    description="A guest's cart, from the header of the same name of a reply.",
)
PROBLEMS = {
    400: "Something in the request is not valid.",
    401: "Nobody is signed in, or the token is void.",
    403: "This user may not do this.",
    404: "There is no such thing, or it is somebody else's.",
    406: "Only `application/json` is spoken here.",
    409: "It does not fit the present state; `code` says what.",
    412: "It has changed since the ETag in If-Match; read it again.",
    413: "The body is too large.",
    415: "The body must be `application/json`.",
    422: "The Idempotency-Key came with another body before.",
    428: "If-Match is needed here: the ETag that was seen.",
    429: "Too many requests; `Retry-After` says when to go on.",
    500: "A mistake of ours; it is in our log under `instance`.",
    503: "Busy; repeat the request after `Retry-After` seconds.",
}
BAD_REQUEST = 400
ALWAYS = (406, 429, 500, 503)
# Filled while the views are imported, emptied into the description by the hook below.
_shapes: dict[str, Any] = {}


def operation(  # noqa: PLR0913 — what OpenAPI says of an operation
    operation_id: str,
    summary: str,
    *,
    reply: Mapping[int, Any],
    body: Any = None,
    upload: Any = None,
    query: Any = None,
    example: Any = None,
    keyed: str = "",
    problems: Iterable[int] = (),
    headers: Iterable[OpenApiParameter] = (),
) -> Callable[[Method], Method]:
    """Describe a method of a view; its docstring is the description.

    ``reply`` gives the shape by status, ``None`` for no body. ``keyed="yes"`` says that
    the Idempotency-Key is honoured. ``upload`` is a body with files.
    """
    parameters = [*([KEY] if keyed else []), *headers, *([query] if query else [])]
    extra = {*problems, *((409, 422) if keyed else ())}
    decorated: Callable[[Method], Method] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=[operation_id.partition("_")[0].replace("-", " ")],
        parameters=parameters,
        request=_request(body, upload),
        responses={status: _response(status, shape) for status, shape in reply.items()},
        examples=[OpenApiExample("Example", value=example, request_only=True)]
        if example
        else None,
        extensions={"x-problems": sorted(extra)},
    )
    return decorated


def file_operation(
    operation_id: str,
    summary: str,
    *,
    types: Iterable[str],
    headers: Iterable[OpenApiParameter] = (),
) -> Callable[[Method], Method]:
    """Describe a method that answers with a file of one of some media types."""
    decorated: Callable[[Method], Method] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=[operation_id.partition("_")[0].replace("-", " ")],
        parameters=[*headers],
        request=None,
        responses={(200, name): OpenApiTypes.BINARY for name in types},
        extensions={"x-problems": [404]},
    )
    return decorated


def schema_of(shape: Any) -> Schema:  # noqa: PLR0911 — one case per kind of type
    """Return the JSON schema of a type; a ``TypedDict`` becomes a reference."""
    if shape in SCALARS:
        return dict(SCALARS[shape])
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin in {Union, types.UnionType}:
        return {"anyOf": [schema_of(argument) for argument in arguments]}
    if is_typeddict(origin):
        return _object_of(
            origin, dict(zip(_type_names(origin), arguments, strict=True))
        )
    name = shape.__name__.removesuffix("Json")
    _shapes[name] = shape
    return {"$ref": f"#/components/schemas/{name}"}


def add_shapes(result: Schema, **_: Any) -> Schema:
    """Put every shape that was referred to, and the problems, into the description."""
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem, validation = schema_of(ProblemJson), schema_of(ValidationProblemJson)
    done: set[str] = set()
    while missing := sorted(set(_shapes) - done):
        for name in missing:
            schemas[name] = _object_of(_shapes[name], {})
            done.add(name)
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = {
        f"Problem{status}": {
            "description": description,
            "content": {
                "application/problem+json": {
                    "schema": {"anyOf": [validation, problem]}
                    if status == BAD_REQUEST
                    else problem
                }
            },
        }
        for status, description in PROBLEMS.items()
    }
    return result


class AutoSchema(BaseAutoSchema):
    """Adds to each operation the problems it can answer with."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        found: Schema | None = super().get_operation(*args, **kwargs)
        if found is None:
            return None
        for status in sorted(self._problems(found)):
            found["responses"].setdefault(
                str(status), {"$ref": f"#/components/responses/Problem{status}"}
            )
        if operation_id := getattr(self.view, "operation_id", ""):
            found["operationId"] = operation_id
        if "{user_id}" in self.path:
            found["operationId"] = f"users_{found['operationId']}"
        successor = getattr(self.view, "successor", "")
        return _as_compat(found, self, successor) if successor else found

    def _problems(self, found: Schema) -> set[int]:
        statuses = {*ALWAYS, *found.pop("x-problems", ())}
        if found.get("security"):
            statuses |= {401, 403}
        if "requestBody" in found:
            statuses |= {400, 413, 415}
        if found.get("parameters"):
            statuses.add(400)
        if "{" in self.path:
            statuses.add(404)
        return statuses


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Says how an access token is sent."""

    target_class = "api.authentication.TokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> Schema:  # noqa: ARG002 — its signature
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Says how the storefront's own scripts are recognised."""

    target_class = "api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Schema:  # noqa: ARG002 — its signature
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "Writing also takes the `X-CSRFToken` header.",
        }


def _as_compat(found: Schema, schema: AutoSchema, successor: str) -> Schema:
    words = schema.path.removeprefix("/api/").replace("{", "").replace("}", "")
    name = words.replace("/", "_").replace("-", "_")
    found["operationId"] = f"compat_{schema.method.lower()}_{name}"
    found["tags"] = ["compat"]
    found["deprecated"] = True
    found["description"] = f"Kept for older clients; use `{successor}`."
    return found


def _request(body: Any, upload: Any) -> dict[str, Any] | None:
    if upload:
        return {"multipart/form-data": upload}
    return {"application/json": body} if body else None


def _response(status: int, shape: Any) -> OpenApiResponse:
    description = {
        200: "Done.",
        201: "Made.",
        202: "Taken.",
        204: "Done; there is nothing to say.",
    }
    if shape is None:
        return OpenApiResponse(description=description[status])
    return OpenApiResponse(schema_of(shape), description=description[status])


def _object_of(shape: Any, bound: Mapping[str, Any]) -> Schema:
    hints = get_type_hints(shape)
    properties = {name: schema_of(_bind(hint, bound)) for name, hint in hints.items()}
    required = sorted(shape.__required_keys__)
    found: Schema = {"type": "object", "properties": properties}
    if required:
        found["required"] = required
    if shape.__doc__:
        found["description"] = " ".join(shape.__doc__.split())
    return found


def _bind(hint: Any, bound: Mapping[str, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return bound[hint.__name__]
    if get_origin(hint) is list:
        return list[_bind(get_args(hint)[0], bound)]  # type: ignore[misc]
    return hint


def _type_names(origin: Any) -> list[str]:
    return [parameter.__name__ for parameter in origin.__parameters__]
