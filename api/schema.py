"""The OpenAPI description, made from the types that the code itself is checked with."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.conf import settings
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework.serializers import ListField

from api import conditions, pagination, sparse, views
from api.conditions import IF_NONE_MATCH
from api.described import (
    HEADERS,
    INFO,
    LINKS,
    PROBLEM_HEADERS,
    PROBLEMS,
    SERVERS,
    TAGS,
    USUAL_CODES,
)
from api.errors import code_of, status_of
from api.examples import VALUES, example_of
from api.guests import HEADER, SignedInOrWithKey, SignedInToRead
from api.problems import title_of
from api.reach import extras_of, reach, words_of
from api.registry import registry
from api.routes import IdConverter
from api.shapes import ProblemJson
from api.shaping import Schema, name_choices, schema_of, shapes
from common.idempotency import InFlight

__all__ = ["CART_TOKEN", "file_operation", "operation", "schema_of"]
Method = TypeVar("Method", bound=Callable[..., Any])

KEY = OpenApiParameter(
    "Idempotency-Key",
    # A UUID is best. Quotes around it, which a structured header has, do not count.
    {"type": "string", "pattern": "^[!-~]([ -~]{0,128}[!-~])?$"},
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
JSON, PROBLEM = "application/json", "application/problem+json"
ALWAYS = (406, 429, 500, 503)
FIRST_ERROR, CONFLICT = 400, 409
# As many digits as the converter of ids takes.
LARGEST_ID = 10**18 - 1
DESCRIPTIONS = {
    200: "Done.",
    201: "Made.",
    202: "Taken.",
    204: "Done; there is nothing to say.",
    304: "The copy that the client has is still right.",
}


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
    codes: Iterable[str] = (),
    headers: Iterable[OpenApiParameter] = (),
) -> Callable[[Method], Method]:
    """Describe a method of a view; its docstring is the description.

    ``reply`` gives the shape by status, ``None`` for no body. ``keyed="yes"`` says that
    the Idempotency-Key is honoured. ``upload`` is a body with files. Which problems can
    occur is read from the code; ``problems`` and ``codes`` add what cannot be seen
    there, as statuses and as codes.
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
        extensions={"x-problems": sorted(extra), "x-codes": sorted(codes)},
    )
    return lambda method: sparse.mark(decorated(method), reply.get(200))


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


class AutoSchema(BaseAutoSchema):
    """Adds to each operation its problems, and the headers of its replies."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        with translation.override("en"):
            found: Schema | None = super().get_operation(*args, **kwargs)
        if found is None:
            return None
        for parameter in found.get("parameters", ()):
            _narrow(parameter)
        security = [*found.get("security", []), *self._guests_security()]
        # Nothing but "or nothing" is nothing.
        found["security"] = [] if security == [{}] else security
        if operation_id := getattr(self.view, "operation_id", ""):
            found["operationId"] = operation_id
        if "{user_id}" in self.path and not found["operationId"].startswith("users_"):
            found["operationId"] = f"users_{found['operationId']}"
        successor = getattr(self.view, "successor", "")
        if successor:
            _mark_as_compat(found, self, successor)
        self._describe_replies(found, is_compat=bool(successor))
        self._describe_problems(found)
        return found

    def get_override_parameters(self) -> list[Any]:
        if self.method != "GET":
            return []
        members = sparse.members_of(getattr(self.view, "get", None))
        less = [sparse.fields_of(members)] if members else []
        return [*less, *([IF_NONE_MATCH] if self._has_tag() else [])]

    def _map_serializer_field(self, field: Any, *args: Any, **kwargs: Any) -> Any:
        found = super()._map_serializer_field(field, *args, **kwargs)  # type: ignore[no-untyped-call]
        if isinstance(field, ListField) and not field.allow_empty:
            found.setdefault("minItems", 1)
        return found

    def _has_tag(self) -> bool:
        """Tell whether the answer has an ETag, and 304 instead for who knows it."""
        uses = reach(_class_of(self.view), self.method.lower()).uses
        if self.method != "GET":
            return uses(conditions.tagged)
        view: Any = self.view
        is_json = getattr(view.get, "reply_shape", None) is not None
        is_kept = "no-store" not in view.cache_control
        return uses(views.cacheable) or (is_json and is_kept)

    def _get_request_body(self, direction: str = "request") -> Any:
        # The library knows no bodies of DELETE; deleting an account takes a password.
        method = self.method
        try:
            self.method = "POST" if method == "DELETE" else method
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method

    def _guests_security(self) -> list[Schema]:
        """Return how people without an account may come in."""
        if SignedInOrWithKey in self.view.permission_classes:
            return [{"orderKey": []}]
        if SignedInToRead in self.view.permission_classes and self.method == "POST":
            return [{}]
        return []

    def _describe_replies(self, found: Schema, *, is_compat: bool) -> None:
        reached = reach(_class_of(self.view), self.method.lower())
        names = {parameter["name"] for parameter in found.get("parameters", ())}
        has_tag = self._has_tag()
        if self.method == "GET" and has_tag:
            found["responses"]["304"] = {"description": DESCRIPTIONS[304]}
        for status, reply in found["responses"].items():
            headers = {
                "X-Request-Id": True,
                "RateLimit": True,
                "RateLimit-Policy": True,
                "ETag": has_tag and status in {"200", "201", "304"},
                "Idempotency-Replayed": KEY.name in names,
                "X-Cart-Token": CART_TOKEN.name in names and "/cart" in self.path,
                "Location": status == "201"
                and (reached.has_location or reached.uses(views.created)),
                "Link": is_compat or reached.uses(pagination.link_header),
                "Deprecation": is_compat,
            }
            reply["headers"] = {
                name: {"$ref": f"#/components/headers/{name}"}
                for name, is_there in headers.items()
                if is_there
            }

    def _describe_problems(self, found: Schema) -> None:
        asked, given = found.pop("x-problems", ()), found.pop("x-codes", ())
        codes: dict[int, set[str]] = {}
        for status in self._statuses(found, asked):
            codes.setdefault(status, set()).update(USUAL_CODES.get(status, ()))
        for error in _reached_errors(_class_of(self.view), self.method.lower()):
            codes.setdefault(status_of(error), set()).add(code_of(error))
        names = {parameter["name"] for parameter in found.get("parameters", ())}
        if KEY.name in names:
            codes.setdefault(CONFLICT, set()).add(InFlight.code)
        for code in given:
            codes.setdefault(registry()[code].status, set()).add(code)
        for status in sorted(codes):
            found["responses"][str(status)] = _problem(status, codes[status])

    def _statuses(self, found: Schema, asked: Iterable[int]) -> set[int]:
        statuses = {*ALWAYS, *asked}
        if found.get("security"):
            statuses |= {401, 403}
        if "requestBody" in found:
            statuses |= {400, 413, 415}
        if found.get("parameters"):
            statuses.add(400)
        if "{" in self.path:
            statuses.add(404)
        return statuses


def add_shapes(result: Schema, **_: Any) -> Schema:
    """Add what is said once: shapes, problems, examples, headers, tags, links."""
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schema_of(ProblemJson)
    schemas.update(shapes())
    # Each kind of problem has members of its own.
    schemas["Problem"]["additionalProperties"] = True
    name_choices(schemas, result["paths"])
    components["schemas"] = dict(sorted(schemas.items()))
    components["headers"] = HEADERS
    components["securitySchemes"]["orderKey"] = {
        "type": "apiKey",
        "in": "header",
        "name": HEADER,
        "description": "The `key` of a guest's order.",
    }
    components["examples"] = {}
    operations = [
        found for methods in result["paths"].values() for found in methods.values()
    ]
    for found in operations:
        _name_files(found, schemas)
    ids = {found["operationId"] for found in operations}
    for found in operations:
        _give_examples(found, components)
        _give_links(found, ids)
    usual = {
        status
        for found in operations
        for status, reply in found["responses"].items()
        if "$ref" in reply
    }
    components["responses"] = {
        f"Problem{status}": _described_problem(int(status), USUAL_CODES[int(status)])
        for status in sorted(usual)
    }
    used = sorted({code for found in operations for code in _codes_of(found)})
    components["examples"].update({code: _problem_example(code) for code in used})
    result["info"] |= INFO
    result["servers"] = SERVERS
    named = {tag for found in operations for tag in found["tags"]}
    result["tags"] = [
        {"name": name, "description": TAGS.get(name, name.capitalize())}
        for name in [*(tag for tag in TAGS if tag in named), *sorted(named - {*TAGS})]
    ]
    return result


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Says how an access token is sent."""

    target_class = "api.authentication.TokenAuthentication"
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> Schema:  # noqa: ARG002 — its signature
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access` of `/api/v1/auth/token`; good for minutes.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Says how the storefront's own scripts are recognised."""

    target_class = "api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Schema:  # noqa: ARG002 — its signature
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "Writing also takes the `X-CSRFToken` header.",
        }


def _narrow(parameter: Schema) -> None:
    """Say of a part of an address what its converter takes."""
    pattern = parameter["schema"].get("pattern", "")
    if parameter["in"] != "path" or not pattern:
        return
    if pattern == f"^{IdConverter.regex}$":
        parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    else:
        parameter["schema"]["pattern"] = f"^({pattern.strip('^$')})$"


def _mark_as_compat(found: Schema, schema: AutoSchema, successor: str) -> None:
    words = schema.path.removeprefix("/api/").replace("{", "").replace("}", "")
    name = words.replace("/", "_").replace("-", "_")
    found["operationId"] = f"compat_{schema.method.lower()}_{name}"
    found["tags"] = ["compat"]
    found["deprecated"] = True
    found["description"] = f"Kept for older clients; use `{successor}`."


def _request(body: Any, upload: Any) -> dict[str, Any] | None:
    if upload:
        return {"multipart/form-data": upload}
    return {"application/json": body} if body else None


def _response(status: int, shape: Any) -> OpenApiResponse:
    if shape is None:
        return OpenApiResponse(description=DESCRIPTIONS[status])
    return OpenApiResponse(schema_of(shape), description=DESCRIPTIONS[status])


def _class_of(view: object) -> type:
    return type(view)


def _reached_errors(view: type, method: str) -> list[type[Exception]]:
    return sorted(reach(view, method).errors, key=lambda error: error.__qualname__)


def _problem(status: int, codes: set[str]) -> Schema:
    if codes == USUAL_CODES.get(status):
        return {"$ref": f"#/components/responses/Problem{status}"}
    return _described_problem(status, codes)


def _described_problem(status: int, codes: set[str]) -> Schema:
    words = ", ".join(f"`{code}`" for code in sorted(codes))
    found: Schema = {
        "description": f"{PROBLEMS[status]} Code: {words or 'see the text'}.",
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in ("X-Request-Id", *PROBLEM_HEADERS.get(status, ()))
        },
        "content": {
            PROBLEM: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    code: {"$ref": f"#/components/examples/{code}"}
                    for code in sorted(codes)
                },
            }
        },
    }
    return found


def _codes_of(found: Schema) -> Iterable[str]:
    for status, reply in found["responses"].items():
        if int(status) < FIRST_ERROR:
            continue
        if "$ref" in reply:
            yield from USUAL_CODES[int(status)]
        else:
            yield from reply["content"][PROBLEM]["examples"]


def _problem_example(code: str) -> Schema:
    """Return the example of a problem, as the class of the error makes it."""
    kind = registry()[code]
    with translation.override("en"):
        title = title_of(code)
    extras = {name: VALUES.get(name, [1])[0] for name in extras_of(kind.error)}
    value = extras | {
        "type": f"https://shop.example/api/problems/{code}",
        "title": title,
        "status": kind.status,
        "detail": words_of(kind.error) or f"{title}.",
        "instance": VALUES["instance"][0],
        "code": code,
    }
    if code == "invalid":
        fault = {"pointer": "#/amount", "code": "required"}
        value["errors"] = [fault | {"detail": "This field is required."}]
    return {"summary": title, "value": value}


def _give_examples(found: Schema, components: Schema) -> None:
    """Show a request and a reply, and what stands in the address."""
    for parameter in found.get("parameters", ()):
        if parameter["in"] == "path":
            name = parameter["name"]
            parameter["example"] = example_of(
                parameter["schema"], components["schemas"], name
            )
    bodies = [found.get("requestBody", {}).get("content", {}).get(JSON)]
    bodies += [
        reply["content"].get(JSON)
        for status, reply in found["responses"].items()
        if int(status) < FIRST_ERROR and "content" in reply
    ]
    for body in bodies:
        if body is not None and "examples" not in body:
            body["examples"] = {"Example": _example(body["schema"], components)}


def _name_files(found: Schema, schemas: Schema) -> None:
    """Say of uploads that they are files; they are addresses only in replies."""
    for kind, body in found.get("requestBody", {}).get("content", {}).items():
        shape = schemas.get(body["schema"].get("$ref", "").rpartition("/")[2], {})
        for part in shape.get("properties", {}).values() if kind != JSON else ():
            for field in (part, part.get("items", {})):
                if field.get("format") == "uri":
                    field["format"] = "binary"


def _give_links(found: Schema, ids: set[str]) -> None:
    for status, reply in found["responses"].items():
        links = LINKS.get((found["operationId"], status), {})
        known = {
            name: link for name, link in links.items() if link["operationId"] in ids
        }
        if known:
            reply["links"] = known


def _example(schema: Schema, components: Schema) -> Schema:
    value = {"value": example_of(schema, components["schemas"])}
    if "$ref" not in schema:
        return value
    name = f"{schema['$ref'].rpartition('/')[2]}Example"
    components["examples"][name] = value
    return {"$ref": f"#/components/examples/{name}"}
