"""Somebody who has left traces wherever a person can: each has the marker in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from redis import Redis

from accounts.models import Address, CustomerNote, User
from analytics import behaviour, privacy, pseudonyms
from analytics.behaviour import Act
from catalog.models import FruitlessSearch, Product
from checkout import addresses, refunding, returns
from checkout import services as checkout
from checkout.services import Purchase
from common.models import IdempotencyRecord
from inventory import services as inventory
from inventory.models import MovementKind
from notifications.models import PushDevice
from orders import services as orders
from orders.models import FulfilmentEvent, Order, OrderLine
from outbox import services as outbox
from outbox.models import Dispatch, Event
from payments.models import Payment
from points import services as points
from points.models import PointCorrection
from reviews import pictures
from reviews import services as reviews
from tests.factories import ProductFactory, StaffFactory, UserFactory
from tests.reviewing import image, upload
from webhooks.models import Endpoint
from wishlist import services as wishlists

MARKER = "zzmarker"
DIGITS = "77774242"
NAME = f"Kim {MARKER.title()}"
EMAIL = f"{MARKER}@quist.example"
PHONE = f"+82 10 {DIGITS[:4]} {DIGITS[4:]}"
HOME = {
    "recipient": NAME,
    "phone": PHONE,
    "postal_code": "04524",
    "line1": f"{MARKER}-daero 110",
    "line2": f"flat {MARKER}",
    "city": "Seoul",
    "country": "KR",
}


@dataclass(frozen=True, slots=True)
class Planted:
    """The person, somebody else who bought the same, and who serves both."""

    user: User
    other: User
    staff: User


def plant(client: Client) -> Planted:
    """Let somebody do all there is to do, and be spoken of wherever staff can write."""
    staff = StaffFactory.create()
    user = UserFactory.create(email=EMAIL, name=NAME, phone=PHONE, points=500_000)
    other = UserFactory.create(name="Lee Ji-hoon", points=100_000)
    mug, bowl = ProductFactory.create(price=9_000), ProductFactory.create(price=7_000)
    _sign_in(client, user)
    _change_ones_mind(user, staff, bowl)
    _buy(user, staff, mug)
    _order_as_guest(mug)
    _buy_as_somebody_else(other, mug)
    _look_around(user, mug)
    outbox.deliver_due()
    _write_behind_the_scenes(user, staff, mug)
    return Planted(user, other, staff)


def _sign_in(client: Client, user: User) -> None:
    Address.objects.create(user=user, is_default=True, **HOME)
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)
    SocialAccount.objects.create(
        user=user, provider="kakao", uid=MARKER, extra_data={"name": NAME}
    )
    client.force_login(user)
    client.get("/account/", headers={"user-agent": f"Browser of {MARKER}"})
    PushDevice.objects.create(user=user, platform="ios", token=f"{MARKER}-token")
    # One that no device stands beside, as of a guest who typed an address.
    guest = Client()
    session = guest.session
    session["guest"] = {"email": EMAIL}
    session.save()


def _wish(user: User, product: Product, units: int = 1) -> Purchase:
    return Purchase(
        user_id=user.pk, email=EMAIL, quantities={product.pk: units}, address=HOME
    )


def _change_ones_mind(user: User, staff: User, bowl: Product) -> None:
    moved = checkout.place_and_pay(_wish(user, bowl)).id
    elsewhere = {**HOME, "line1": f"{MARKER}-gil 7"}
    addresses.change_address(order_id=moved, user_id=user.pk, address=elsewhere)
    addresses.write_note(order_id=moved, user_id=user.pk, note=f"ring at {MARKER}")
    orders.note_down(Order.objects.get(pk=moved), f"{NAME} rang", author_id=staff.pk)
    checkout.cancel(
        order_id=moved, user_id=user.pk, actor_id=user.pk, reason=f"no {MARKER}"
    )
    wishlists.save(user_id=user.pk, product_id=bowl.pk)


def _buy(user: User, staff: User, mug: Product) -> None:
    kept = checkout.place_and_pay(_wish(user, mug, 3)).id
    line = OrderLine.objects.get(order=kept)
    refunding.refund(
        order_id=kept,
        quantities={line.pk: 1},
        reason=f"chipped, says {MARKER}",
        actor_id=staff.pk,
        key="refund-1",
    )
    checkout.pack(order_id=kept, actor_id=staff.pk)
    checkout.ship(
        order_id=kept, carrier="CJ", tracking_number="TRACK-1", actor_id=staff.pk
    )
    FulfilmentEvent.objects.create(
        fulfilment=Order.objects.get(pk=kept).fulfilments.get(),
        event_id="scan-1",
        stage="out_for_delivery",
        text=f"To {NAME}",
        place=f"{MARKER}-daero",
    )
    checkout.deliver(order_id=kept, actor_id=staff.pk)
    asked = returns.request(
        order_id=kept,
        user_id=user.pk,
        quantities={line.pk: 1},
        reason=f"too small for {MARKER}",
    )
    returns.reject(return_id=asked.pk, answer=f"Dear {NAME}, no.")
    _review(user, staff, mug)


def _review(user: User, staff: User, mug: Product) -> None:
    review = reviews.write(
        user_id=user.pk,
        product_id=mug.pk,
        rating=5,
        text=f"I, {MARKER}, like it very much.",
        photos=pictures.read([upload(image())]),
    )
    reviews.publish(review_id=review.pk, actor_id=staff.pk)
    reviews.answer(review_id=review.pk, actor_id=staff.pk, text=f"Thanks, {NAME}!")


def _order_as_guest(mug: Product) -> None:
    wish = Purchase(user_id=None, email=EMAIL, quantities={mug.pk: 1}, address=HOME)
    placed = checkout.place_order(wish).id
    checkout.cancel_as_guest(order_id=placed, reason=f"{MARKER} again")
    empty = ProductFactory.create(stock_on_hand=0)
    inventory.alert(product_id=empty.pk, user_id=None, email=EMAIL, language="en")


def _buy_as_somebody_else(other: User, mug: Product) -> None:
    wish = Purchase(user_id=other.pk, email=other.email, quantities={mug.pk: 1})
    checkout.place_and_pay(wish)


def _look_around(user: User, mug: Product) -> None:
    privacy.choose(user_id=user.pk, consents=True)
    act = Act(
        kind="search",
        actor=pseudonyms.of_user(user.pk),
        at=timezone.now(),
        query=f"mug of {MARKER}",
    )
    behaviour.record([act])
    behaviour.record_soon([act])
    FruitlessSearch.objects.create(text=NAME.lower(), times=1, last_at=timezone.now())
    cache.set("letters", {"to": EMAIL}, 60)


def _write_behind_the_scenes(user: User, staff: User, mug: Product) -> None:
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr=EMAIL,
        action_flag=CHANGE,
        change_message=json.dumps({"action": "Called", "reason": f"{NAME}, {PHONE}"}),
    )
    inventory.adjust(
        product_id=mug.pk,
        kind=MovementKind.DAMAGED,
        delta=-1,
        reason=f"broken by {NAME}",
        actor_id=staff.pk,
    )
    points.adjust(
        user_id=user.pk,
        amount=5,
        reason=f"sorry, {MARKER}",
        idempotency_key="sorry",
    )
    points.charge(user_id=user.pk, amount=100, idempotency_key="after")
    PointCorrection.objects.create(
        user=user, amount=7, reason=f"for {MARKER}", asked_by=staff
    )
    CustomerNote.objects.create(user=user, author=staff, text=f"{MARKER} is friendly")
    Payment.objects.filter(order__user=user).update(note=f"declined card of {MARKER}")
    IdempotencyRecord.objects.create(
        subject=f"u:{user.pk}",
        method="POST",
        path="/api/v1/orders",
        key="key-1",
        fingerprint="0" * 64,
        status=201,
        reply=json.dumps({"email": EMAIL, "address": HOME}),
    )
    Endpoint.objects.create(
        url="https://merchant.example/hook", topics=["order.*"], secret="whsec_eA=="
    )
    told = Event.objects.filter(payload__email=EMAIL).values("pk")[:3]
    Dispatch.objects.filter(event__in=told).update(
        last_error=f"422: {EMAIL} is unknown",
        failures=[{"error": f"422: {EMAIL}"}],
    )


def traces() -> list[str]:
    """Return every place that has the marker: tables, sessions, Redis, media."""
    return [*_in_tables(), *_in_sessions(), *_in_redis(), *_in_media()]


def _names(text: str) -> bool:
    plain = text.lower()
    digits = "".join(letter for letter in plain if letter not in " -")
    return MARKER in plain or DIGITS in digits


def _in_tables() -> Iterator[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row::text FROM "{table}" AS row')  # noqa: S608
            for (row,) in cursor.fetchall():
                if _names(row):
                    yield f"{table}: {row}"


def _in_sessions() -> Iterator[str]:
    for session in Session.objects.all():
        if _names(kept := str(session.get_decoded())):
            yield f"session: {kept}"


def _in_redis() -> Iterator[str]:
    client = Redis.from_url(settings.REDIS_URL)
    reads: dict[Any, Any] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    for key in client.scan_iter():
        kept = f"{key!r} {reads[client.type(key)](key)!r}"
        if _names(kept):
            yield f"redis: {kept}"


def _in_media() -> Iterator[str]:
    """Whatever is there is the person's: nobody else has sent a picture."""
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        if path.is_file():
            yield f"media: {path.name}"
