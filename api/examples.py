"""Examples for the description: every value is one that a shop could really have.

They are made from the schemas, so that none is missing and none is out of date.
"""

import re
from typing import Any

Schema = dict[str, Any]
UUID = "019360a4-7c1e-7a52-9d1b-6b8f2c0e5a31"
TIME = "2026-11-21T01:30:00Z"
# By the name of a property, for whatever type fits; "Shape.property" is meant first.
VALUES: dict[str, list[Any]] = {
    "access": ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2VhbA"],
    "address_id": [4],
    "alt": ["A green tea cup on a wooden table"],
    "amount": [29800],
    "author": ["Kim M."],
    "available": [12],
    "balance": [250000],
    "balance_after": [250000],
    "body": ["Your parcel is on its way."],
    "campaign_id": [2],
    "carrier": ["CJ Logistics", "sandbox"],
    "carrier_code": ["sandbox"],
    "city": ["Seoul"],
    "code": ["standard", "TEA10"],
    "country": ["KR"],
    "coupon_id": [17],
    "currency": ["KRW"],
    "cursor": ["WyIyMDI2LTExLTIxIiw0Ml0"],
    "datacontenttype": ["application/json"],
    "dataschema": ["https://shop.example/api/v1/stream/schemas/shop.order.paid.v1"],
    "day": ["2026-11-21"],
    "days_max": [3],
    "days_min": [1],
    "detail": ["Ensure this value is greater than or equal to 1."],
    "device": ["Min-ji's phone"],
    "email": ["min-ji@example.com"],
    "ends": ["08:00"],
    "exponent": [0],
    "from_status": ["pending"],
    "group": ["orders"],
    "height": [960],
    "histogram": [{"5": 31, "4": 9, "3": 2, "2": 0, "1": 1}],
    "id": [42, UUID],
    "instance": ["req-4f2a9c71d0b84c0f"],
    "key": ["w1Jt0m:R2k8x4Qd"],
    "kind": ["standard"],
    "label": ["Coupon: tea week"],
    "language": ["en", "ko"],
    "languages": [["en", "ko", "ru"]],
    "line1": ["110 Sejong-daero"],
    "line2": ["7F"],
    "method": ["points"],
    "min_spend": [10000],
    "name": ["Celadon tea cup"],
    "next": ["/api/v1/orders?limit=20&cursor=WyIwMTkzNjBhNCJd"],
    "Category.children": [[]],
    "number": ["D-7K4M2QXA"],
    "on_hand": [40],
    "opening_hours": ["Mon-Fri 9-18"],
    "order_id": [UUID],
    "password": ["paper and seal 7"],
    "payment_window_minutes": [30],
    "percent": [10],
    "phone": ["+82 10-1234-5678"],
    "place": ["Seoul hub"],
    "pointer": ["#/items/0/quantity"],
    "parameter": ["limit"],
    "postal_code": ["04524"],
    "previous": [None],
    "product_id": [9],
    "quantity": [2],
    "query": ["tea cup"],
    "quote_id": ["q1.eyJ0b3RhbCI6Mjk4MDB9.c2VhbA"],
    "rating": [5],
    "reason": ["Bought by mistake."],
    "recipient": ["Kim Min-ji"],
    "reference": ["order D-7K4M2QXA"],
    "refresh": ["eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiI3In0.c2VhbA"],
    "return_url": ["http://127.0.0.1:8000/orders"],
    "sequence": ["1042"],
    "service": ["express"],
    "sha256": ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    "sku": ["CUP-1"],
    "slug": ["celadon-tea-cup"],
    "source": ["/shop/production", "erp"],
    "specversion": ["1.0"],
    "starts": ["22:00"],
    "status": ["pending", 409],
    "subject": [f"orders/{UUID}"],
    "text": ["Just what I wanted."],
    "thumbnail": ["/media/products/cup-320.webp"],
    "time_zone": ["Asia/Seoul"],
    "title": ["Order shipped"],
    "to_status": ["paid"],
    "token": ["c1YqJ8w2Zr"],
    "token_type": ["Bearer"],
    "total": [29800],
    "tracking_number": ["6128-0042-7781"],
    "tracking_url": ["https://carrier.example/6128-0042-7781"],
    "type": ["shop.order.paid.v1", "redirect"],
    "typed": ["tea cpu"],
    "corrected_to": ["tea cup"],
    "units": [3],
    "url": ["/media/products/cup-960.webp", "https://shop.example/hook"],
    "user_id": [7, "7"],
    "usual": [1.5],
    "average": [4.6],
    "value": [10, "green"],
    "version": [3],
    "visitor_id": ["7c2f5f0e-31a5-4e5b-8b62-6a1f60a3c7d1"],
    "weight_grams": [350],
    "width": [1280],
}
FORMATS = {
    "date-time": TIME,
    "date": "2026-11-21",
    "time": "22:00",
    "uuid": UUID,
    "email": "min-ji@example.com",
    "uri": "https://shop.example/",
}
FITTING: dict[str, Any] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in {int, float},
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def example_of(
    schema: Schema, schemas: dict[str, Schema], name: str = "", owner: str = ""
) -> Any:
    """Return a value that fits a schema of the description."""
    if "$ref" in schema:
        owner = schema["$ref"].rpartition("/")[2]
        return example_of(schemas[owner], schemas, name, owner)
    if "const" in schema:
        return schema["const"]
    if parts := _parts(schema):
        made = [example_of(part, schemas, name, owner) for part in parts]
        if len(made) == 1:
            return made[0]
        return {key: value for part in made for key, value in part.items()}
    return _of_kind(schema, schemas, name, owner)


def _parts(schema: Schema) -> list[Schema]:
    """Return what a schema is made of: all of them, or the first that is not null."""
    if "properties" in schema:
        return []
    if "allOf" in schema:
        return list(schema["allOf"])
    choice = schema.get("anyOf") or schema.get("oneOf") or []
    return [part for part in choice if part.get("type") != "null"][:1]


def _of_kind(schema: Schema, schemas: dict[str, Schema], name: str, owner: str) -> Any:
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if "enum" in schema:
        return _fitting(schema, kind, name, owner, schema["enum"][0])
    if kind == "object":
        return _object(schema, schemas, name, owner)
    if kind != "array":
        return _fitting(schema, kind, name, owner, _plain(schema, kind, name))
    given = _fitting(schema, kind, name, owner, None)
    if given is not None:
        return given
    return [example_of(schema["items"], schemas, name.removesuffix("s"), owner)]


def _object(schema: Schema, schemas: dict[str, Schema], name: str, owner: str) -> Any:
    if "properties" not in schema:
        rest = schema.get("additionalProperties")
        whole = {"colour": example_of(rest, schemas)} if rest else {}
        return _fitting(schema, "object", name, owner, whole)
    found = {}
    for key, part in schema["properties"].items():
        given = VALUES.get(f"{owner}.{key}")
        found[key] = given[0] if given else example_of(part, schemas, key, owner)
    return found


def _fitting(schema: Schema, kind: str, name: str, owner: str, usual: Any) -> Any:
    """Return the value of that name if it fits, else the usual one."""
    for value in (*VALUES.get(f"{owner}.{name}", ()), *VALUES.get(name, ())):
        is_right = FITTING[kind](value) and value in schema.get("enum", [value])
        if is_right and "format" not in schema and _is_within(value, schema):
            return value
    return usual


def _is_within(value: Any, schema: Schema) -> bool:
    if isinstance(value, str):
        is_short = len(value) <= schema.get("maxLength", len(value))
        return is_short and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, int | float):
        return bool(
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
        )
    return True


def _plain(schema: Schema, kind: str, name: str) -> Any:
    if kind == "string":
        text = FORMATS.get(schema.get("format", ""), name.replace("_", " ") or "text")
        return text[: schema.get("maxLength")]
    if kind == "boolean":
        return True
    return max(1, schema.get("minimum", 1))
