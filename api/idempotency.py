"""The Idempotency-Key header: what is sent twice takes effect once."""

from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.request import Request

from api.errors import IdempotencyKeyInvalid
from api.guests import key_of as key_of_order
from api.renderers import dump
from api.views import JSON
from common import idempotency
from common.addresses import client_address
from common.idempotency import Claim, Reply
from common.ids import uuid7

MAX_LENGTH = 128


def claim_of(request: Request, guest: str = "") -> Claim | None:
    """Return the claim of a request's key, ``None`` if it carries none.

    ``guest`` tells those apart who are not signed in: a cart's token, an order's key.
    """
    key = key_of(request)
    if key is None:
        return None
    body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    method, path = str(request.method), request.path
    # A stranger who has nothing else is known by where they are.
    somebody = guest or key_of_order(request) or client_address(request.META)
    return Claim(
        subject=f"u:{request.user.pk}" if request.user.pk else f"g:{somebody}"[:80],
        method=method,
        path=path,
        key=key,
        fingerprint=idempotency.fingerprint(method, path, body),
    )


def key_of(request: Request) -> str | None:
    """Return the key without the quotes that a structured header has."""
    given = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if given is None:
        return None
    key = str(given).strip().removeprefix('"').removesuffix('"')
    if not 1 <= len(key) <= MAX_LENGTH or not (key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalid
    return key


def movement_key(request: Request) -> str:
    """Return the key of a point movement: the client's, or a new one."""
    key = key_of(request)
    return f"api/{request.method}{request.path}/{key}" if key else f"api/{uuid7()}"


def once(
    request: Request,
    effect: Callable[[], Any],
    *,
    status: int = 200,
    guest: str = "",
    location: str = "",
) -> HttpResponse:
    """Answer with what ``effect`` returns, as JSON; run it once per key."""
    reply = idempotency.run(
        claim_of(request, guest), lambda: Reply(status, dump(effect()).decode())
    )
    return respond(reply, location=location)


def once_silently(
    request: Request, effect: Callable[[], object], *, guest: str = ""
) -> HttpResponse:
    """Run ``effect`` once per key and answer 204."""

    def run() -> Reply:
        effect()
        return Reply(204, "")

    return respond(idempotency.run(claim_of(request, guest), run))


def respond(reply: Reply, *, location: str = "") -> HttpResponse:
    """Turn a stored or fresh reply into a response; ``location`` takes its ``id``."""
    response = HttpResponse(reply.body, JSON, status=reply.status)
    if location:
        response["Location"] = location.format(id=orjson.loads(reply.body)["id"])
    if reply.is_replayed:
        response["Idempotency-Replayed"] = "true"
    return response
