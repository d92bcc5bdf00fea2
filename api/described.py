"""What the description says that no type of the code can say."""

from typing import Any

Schema = dict[str, Any]

INFO: Schema = {
    "summary": "Everything that the shop can do, for apps and other systems.",
    "description": """\
Browse, fill a cart, claim coupons, charge points, order, pay and follow parcels.

**Sign in** with `POST /api/v1/auth/token` and send its `access` as a bearer token; it
is good for minutes, `refresh` gets the next one, and each `refresh` works once. Nobody
needs an account to browse, or to order as a guest.

**Money** is an integer in the smallest unit of its currency. **Times** are UTC
(RFC 3339), days are the shop's. **Errors** are problem details (RFC 9457): `code` is
stable, each `type` leads to a page that says what happened and
[what to do](/api/problems). **Repeat safety:** send an `Idempotency-Key` with whatever
writes; the same key has its effect once. **Lists** go on at `next`, which is also a
`Link` header; `fields` and `expand` ask for less or more. **Copies:** an `ETag` can be
sent back as `If-None-Match` to be told that nothing changed, and as `If-Match` not to
overwrite what somebody else wrote. **Limits:** `RateLimit` says what is left; after 429
or 503 `Retry-After` says when to go on. **Languages:** texts follow `Accept-Language`;
codes, statuses and the names in the JSON stay as they are. **Versions:** new members
may come at any time, so ignore what you do not know; `Api-Version` names the version,
and what goes away says `Deprecation` first.

What comes by itself (live pages, the data platform, product messages) is in the
[AsyncAPI description](/api/asyncapi).
""",
    "contact": {
        "name": "The developers of Dojang",
        "email": "developers@dojang.example",
    },
    "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
}
SERVERS: list[Schema] = [{"url": "/", "description": "This shop"}]

PROBLEMS = {
    400: "Something in the request is not valid.",
    401: "Nobody is signed in, or the token is void.",
    402: "Whoever takes the money says no.",
    403: "This user may not do this.",
    404: "There is no such thing, or it is somebody else's.",
    406: "Only `application/json` is spoken here.",
    409: "It does not fit the present state; `code` says what.",
    410: "It was there once, and is over.",
    412: "It has changed since the ETag in If-Match; read it again.",
    413: "The body is too large.",
    415: "The body must be `application/json`.",
    422: "The Idempotency-Key came with another body before.",
    423: "Locked for a while, after too many wrong tries.",
    428: "If-Match is needed here: the ETag that was seen.",
    429: "Too many requests; `Retry-After` says when to go on.",
    500: "A mistake of ours; it is in our log under `instance`.",
    503: "Busy; repeat the request after `Retry-After` seconds.",
}
# What any operation can answer for the same reasons.
USUAL_CODES = {
    400: {"invalid", "parse_error"},
    401: {"authentication_failed", "not_authenticated"},
    403: {"permission_denied"},
    404: {"not_found"},
    406: {"not_acceptable"},
    412: {"precondition_failed"},
    413: {"body_too_large"},
    415: {"unsupported_media_type"},
    422: {"idempotency_mismatch"},
    428: {"precondition_required"},
    429: {"rate_limited"},
    500: {"internal_error"},
    503: {"unavailable"},
}
# What a problem says in its headers.
PROBLEM_HEADERS = {
    401: ["WWW-Authenticate"],
    429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    503: ["Retry-After"],
}

HEADERS: dict[str, Schema] = {
    "Deprecation": {
        "description": "Since when there is something newer (RFC 9745).",
        "schema": {"type": "string"},
        "example": "@1767225600",
    },
    "ETag": {
        "description": "Changes with the body. Send it back as If-None-Match.",
        "schema": {"type": "string"},
        "example": '"2f0c7e5a9b1d4c8837ab61f0"',
    },
    "Idempotency-Replayed": {
        "description": "`true`: this is the reply of the first request with this key.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
    "Link": {
        "description": "The next page, or what replaces this address (RFC 8288).",
        "schema": {"type": "string"},
        "example": '</api/v1/orders?limit=20&cursor=WyIwMTkzNjBhNCJd>; rel="next"',
    },
    "Location": {
        "description": "The address of what was made.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/api/v1/orders/019360a4-7c1e-7a52-9d1b-6b8f2c0e5a31",
    },
    "RateLimit": {
        "description": "What is left of a limit, and for how many seconds.",
        "schema": {"type": "string"},
        "example": '"user";r=57;t=21',
    },
    "RateLimit-Policy": {
        "description": "The limits that count here: so many in so many seconds.",
        "schema": {"type": "string"},
        "example": '"user";q=120;w=60',
    },
    "Retry-After": {
        "description": "Seconds after which it may be tried again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
    "WWW-Authenticate": {
        "description": "How to say who one is.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="api"',
    },
    "X-Cart-Token": {
        "description": "A guest's cart; send it with whatever follows.",
        "schema": {"type": "string"},
        "example": "c1YqJ8w2Zr",
    },
    "X-Request-Id": {
        "description": "Names this request in our log.",
        "schema": {"type": "string"},
        "example": "req-4f2a9c71d0b84c0f",
    },
}
# In the order of a first visit; those that are not named here come after.
TAGS = {
    "auth": "Register, sign in, stay signed in, sign out.",
    "oauth": "Apps of others, which act for a shopper who allowed it.",
    "users": "Who one is, and all that the shop knows of it.",
    "addresses": "The address book.",
    "devices": "The phones that news are sent to.",
    "config": "What a client has to know of the shop before the first screen.",
    "categories": "The shelves.",
    "products": "What is for sale, with its exact stock; staff also write here.",
    "product sheets": "A product as staff see it, drafts too.",
    "search": "What somebody may be about to type.",
    "recommendations": "What goes together, and why.",
    "reviews": "What buyers think.",
    "review queue": "What buyers wrote, before it is published.",
    "wishlist": "What is kept for later.",
    "quotes": "What a purchase would cost, and why.",
    "cart": "What is about to be bought, of users and guests.",
    "coupon campaigns": "Coupons that can be claimed, first come, first served.",
    "coupons": "The shopper's own coupons.",
    "points": "The shopper's points: charged, used, and every entry.",
    "delivery methods": "The ways that goods can travel.",
    "delivery": "What delivery costs, and what carriers report.",
    "orders": "Placing, following, changing and cancelling orders.",
    "payments": "Paying, by points or by somebody outside.",
    "returns": "Sending things back.",
    "notifications": "News of the shop for one user, and which of them are wanted.",
    "events": "What is looked at, if the shopper agrees.",
    "privacy": "What may be remembered.",
    "sync": "What has changed since the last time.",
    "analytics": "The reports of staff.",
    "stream": "Paid orders, for systems that check what was pushed to them.",
    "webhook endpoints": "Addresses that are told what happens in the shop.",
    "deliveries": "What was sent to such an address, and what it said.",
    "problems": "Every error that there is.",
    "compat": "Addresses of older clients. New ones use `/api/v1`.",
}


def _link(operation: str, what: str, **parameters: str) -> Schema:
    return {
        "operationId": operation,
        "parameters": {
            name: f"$response.body#/{place}" for name, place in parameters.items()
        },
        "description": what,
    }


def _links_of_an_order() -> dict[str, Schema]:
    return {
        "show": _link("orders_retrieve", "The order as it is now.", order_id="id"),
        "pay": _link("orders_pay", "Pay it.", order_id="id"),
        "cancel": _link("orders_cancel", "Call it off.", order_id="id"),
        "track": _link("orders_tracking", "Its parcels.", order_id="id"),
    }


# Where a reply leads to, by operation and status.
LINKS: dict[tuple[str, str], dict[str, Schema]] = {
    ("orders_create", "201"): _links_of_an_order(),
    ("compat_post_orders", "201"): _links_of_an_order(),
    ("addresses_create", "201"): {
        "show": _link("addresses_retrieve", "The address.", address_id="id"),
        "drop": _link("addresses_destroy", "Drop it again.", address_id="id"),
    },
    ("coupons_issue", "201"): {
        "show": _link("coupons_retrieve", "The coupon.", coupon_id="id"),
    },
    ("returns_create", "201"): {
        "show": _link("returns_retrieve", "The return.", return_id="id"),
        "withdraw": _link("returns_withdraw", "Keep the goods.", return_id="id"),
    },
    ("payments_pay", "201"): {
        "show": _link("payments_retrieve", "The payment.", payment_id="id"),
    },
    ("reviews_create", "201"): {
        "show": _link("reviews_retrieve", "The review.", review_id="id"),
    },
}
