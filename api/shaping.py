"""JSON schemas made from the types that the code itself is checked with."""

import types
from collections.abc import Iterator, Mapping
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

from django.db import models

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
Known = dict[str, tuple[Any, Mapping[str, Any]]]
# Filled while the views are imported, emptied into the description.
_shapes: Known = {}


def schema_of(shape: Any, known: Known = _shapes) -> Schema:
    """Return the JSON schema of a type; a ``TypedDict`` becomes a reference.

    ``known`` remembers what was referred to, for ``shapes``.
    """
    if shape in SCALARS:
        return dict(SCALARS[shape])
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], known)}
    if origin is dict:
        rest = schema_of(arguments[1], known)
        return {"type": "object", "additionalProperties": rest}
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin in {Union, types.UnionType}:
        return {"anyOf": [schema_of(argument, known) for argument in arguments]}
    if is_typeddict(origin):
        bound = dict(zip(_type_names(origin), arguments, strict=True))
        # PageJson[OrderJson] is an OrderPage.
        name = "".join(map(_name, [*arguments, origin]))
        known[name] = origin, bound
    else:
        name = _name(shape)
        known[name] = shape, {}
    return {"$ref": f"#/components/schemas/{name}"}


def shapes(known: Known = _shapes) -> dict[str, Schema]:
    """Return the schema of every type that was referred to, by its name."""
    schemas: dict[str, Schema] = {}
    while missing := sorted(set(known) - set(schemas)):
        for name in missing:
            schemas[name] = _object_of(*known[name], known)
    return schemas


def name_choices(schemas: dict[str, Schema], paths: dict[str, Any]) -> None:
    """Give every choice of words a name, the same one wherever the words are."""
    names = {
        tuple(sorted(kind.values)): kind.__name__
        for kind in sorted(_family(models.TextChoices), key=lambda kind: kind.__name__)
    }
    named: dict[str, Schema] = {}
    places = [
        *((name, *found) for name in sorted(schemas) for found in _all(schemas[name])),
        *(("", *found) for path in sorted(paths) for found in _all(paths[path])),
    ]
    for owner, key, schema in places:
        if not _is_choice(schema):
            continue
        words = tuple(sorted(schema["enum"]))
        if words not in names:
            stem = owner.removeprefix("Patched").removesuffix("Input")
            names[words] = stem + "".join(map(str.capitalize, key.split("_")))
        name = names[words]
        if name in schemas:
            name = names[words] = f"{name}Choice"
        named[name] = {"type": "string", "enum": schema.pop("enum")}
        del schema["type"]
        reference = {"$ref": f"#/components/schemas/{name}"}
        schema.update({"allOf": [reference]} if schema else reference)
    schemas |= named


def _is_choice(schema: Schema) -> bool:
    """Tell whether a schema is a choice of words that a name can stand for."""
    if "enum" not in schema or schema.get("type") != "string":
        return False
    for needless in ("minLength", "x-spec-enum-id"):
        schema.pop(needless, None)
    # One word is a constant; and a name beside a default is more than some tools read.
    return len(schema["enum"]) > 1 and "default" not in schema


def _all(schema: Any, key: str = "") -> Iterator[tuple[str, Schema]]:
    """Walk all schemas inside of one, each with the name of its property."""
    if isinstance(schema, list):
        for part in schema:
            yield from _all(part, key)
    if not isinstance(schema, dict):
        return
    # A parameter's schema is known by the parameter's name.
    here = schema["name"] if "in" in schema and "name" in schema else key
    yield here, schema
    for child, part in schema.get("properties", {}).items():
        yield from _all(part, child)
    for name in sorted(schema.keys() - {"properties", "examples", "example"}):
        yield from _all(schema[name], here)


def _family(kind: Any) -> Iterator[Any]:
    for child in kind.__subclasses__():
        yield child
        yield from _family(child)


def _name(shape: Any) -> str:
    return str(shape.__name__).removesuffix("Json")


def _object_of(shape: Any, bound: Mapping[str, Any], known: Known) -> Schema:
    hints = get_type_hints(shape)
    properties = {
        name: schema_of(_bind(hint, bound), known) for name, hint in hints.items()
    }
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
