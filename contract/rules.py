"""Why the shop may refuse what fits its description; anything else is a fault.

Part of what Schemathesis imports, without the shop. A refusal is only taken for right
if it names a rule that no schema can hold: each is listed here with its reason.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

# Codes that say nothing but "this is not valid": the description would have to say it.
VAGUE = {"invalid", "parse_error"}
# Faults inside such a problem that have a reason, by the code of the fault.
FAULTS: dict[str, str] = {
    "blank": "spaces are a text for a schema, and none for people",
    "null_characters_not_allowed": "PostgreSQL keeps no NUL in a text",
    "surrogate_characters_not_allowed": "half a character is none",
    "wrong_password": "only the user knows it",
    "amount_mismatch": "what an order costs is no matter of the client's",
    "password_too_short": "the shop's owner says how long, by a setting",
    "password_too_common": "the list of common ones is long",
    "password_too_similar": "to the name or the e-mail address in the same body",
    "password_entirely_numeric": "kept beside the other rules of passwords",
}
# The same by place, where a code alone would let too much through. What the schema
# itself requires does not get here.
PLACES: dict[tuple[str, str], str] = {
    ("#", "required"): "one at least of the members; each of them is optional",
    ("#/reason", "required"): "only of who acts for somebody else: `user_id`",
    ("#/items", "required"): "or `from_cart`; a choice would split clients' types",
    ("#/items", "max_value"): "of the same product twice, added up",
    ("#/amount", "required"): "or by its older name",
    ("#/campaign_id", "required"): "or by its older name, `coupon_id`",
    ("#/address", "required"): "of guests, who have no address book",
    ("#/email", "required"): "of guests only",
    ("#/events/*/product_id", "required"): "of what is about a product",
    ("#/events/*/query", "required"): "of searches",
    ("#/points_to_use", "invalid"): "points are a part only beside another way",
    ("#/texts", "invalid"): "the languages are a setting of the shop",
    ("#/carrier_code", "invalid"): "some carriers number their parcels themselves",
    ("#/tracking_url", "invalid"): "no label of a host is longer than 63 characters",
    ("#/method", "invalid"): "for somebody else only points can be given",
    ("#/photo", "empty"): "a file of no bytes is none, which no schema can say",
    ("#/photos", "required"): "a file without a name is none to a browser, either",
    ("category", "not_found"): "which shelves there are changes",
    ("from", "invalid"): "not after `to`, nor too long before it",
    ("day", "invalid"): "a day that the shop was open",
    ("attributes", "format"): "no key twice",
}


JSON = "application/json"
PLACE_IN_LIST = re.compile(r"/\d+")
FIELDS = re.compile(r"[a-z0-9_]+(,[a-z0-9_]+)*")


def judged(case: Any) -> Any:
    """Change of a case what a check would judge wrongly.

    ``fields`` leaves out what the schema requires, which is its purpose; and 2.0 is an
    integer to a schema, but not to this shop, where nobody is to guess what 2.5 was.
    """
    # What is set, be it to the same, is judged anew, and files are no strings then.
    if FIELDS.fullmatch(str((case.query or {}).get("fields", ""))):
        case.query = {name: v for name, v in case.query.items() if name != "fields"}
    is_positive = case.meta and case.meta.generation.mode.is_positive
    if is_positive and case.media_type == JSON:
        body = whole(case.body)
        if repr(body) != repr(case.body):
            case.body = body
    return case


def whole(value: Any) -> Any:
    """Return JSON with 2 for 2.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(part) for part in value]
    if isinstance(value, dict):
        return {name: whole(part) for name, part in value.items()}
    return value


# Statuses whose condition is in the request itself: with these headers, without those.
Condition = Callable[[Mapping[str, Any]], bool]
CONDITIONS: dict[int, Condition] = {
    412: lambda headers: "If-Match" in headers,
    422: lambda headers: "Idempotency-Key" in headers,
    428: lambda headers: not headers.get("If-Match"),
}
# What was there once: archived products, used links, cursors of another time.
GONE = {"product_gone", "verification_over", "cursor_expired"}


def unexplained(
    status: int, problem: Mapping[str, Any], headers: Mapping[str, Any]
) -> str:
    """Return what is wrong with a refusal of something that fits, or nothing."""
    code = problem.get("code", "")
    if status in CONDITIONS:
        return "" if CONDITIONS[status](headers) else f"{code} without its condition"
    if status == HTTPStatus.GONE:
        return "" if code in GONE else f"{code} is not known to be over"
    # The parser says it of a body, whose texts no schema of ours all names.
    has_nul = "NUL" in problem.get("detail", "")
    if status != HTTPStatus.BAD_REQUEST or code not in VAGUE or has_nul:
        return ""
    faults = [
        (
            PLACE_IN_LIST.sub("/*", fault.get("pointer", fault.get("parameter", ""))),
            fault["code"],
        )
        for fault in problem.get("errors", [{"code": code}])
    ]
    return ", ".join(
        f"{place}: {fault}"
        for place, fault in faults
        if fault not in FAULTS and (place, fault) not in PLACES
    )
