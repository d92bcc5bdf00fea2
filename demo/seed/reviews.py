"""Reviews of what was delivered: most of them kind, a few of them waiting for staff."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image

from common import pictures
from demo.photos import PICTURES
from demo.seed.opinions import ENGLISH, KOREAN, REJECTED, REPLIES, RUSSIAN
from demo.seed.people import People
from demo.seed.plan import MINJI
from orders.models import OrderLine, OrderStatus
from reviews.models import (
    HelpfulVote,
    ReportReason,
    Review,
    ReviewPhoto,
    ReviewReport,
    ReviewState,
)
from reviews.pictures import LARGE, SMALL, small_name

# Of the products delivered last, how many there are and which part is reviewed.
LOOKED_AT, SHARE, MOST = 3_000, 0.4, 700
# Of a hundred reviews, the first has one star.
WEIGHTS = (4, 6, 13, 27, 50)
LANGUAGES = (KOREAN, KOREAN, RUSSIAN, None, None, None, None)
REPLY_SHARE, VOTE_SHARE, PHOTO_SHARE = 0.15, 0.45, 0.06
MOST_VOTES, MOST_PHOTOS, REPORTED = 14, 24, 2
PREFIX = "reviews/demo2-"
FLOORS = ((196, 164, 132), (176, 186, 172), (150, 160, 178), (205, 190, 170))
MINJIS_STATES = (ReviewState.PUBLISHED, ReviewState.PENDING, ReviewState.REJECTED)
RATE_SQL = """
    UPDATE catalog_product AS product
       SET rating_average = said.average, rating_count = said.count
      FROM (SELECT product_id, round(avg(rating), 2) AS average, count(*) AS count
              FROM reviews_review WHERE state = 'published' GROUP BY product_id) AS said
     WHERE product.id = said.product_id
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A product that came to somebody, and when."""

    product_id: int
    user_id: int
    order_id: Any
    at: datetime


def write(people: People, rng: Random, now: datetime) -> None:
    """Write reviews, votes, reports and replies; rate the products by them."""
    minji = people.id_of(MINJI)
    drawn = [_review(item, people, rng, now) for item in _reviewed(minji, rng)]
    own = [review for review in drawn if review.user_id == minji]
    for review, state in zip(own, MINJIS_STATES, strict=False):
        _settle(review, state, people, rng, now)
    drawn.sort(key=lambda review: review.written_at)
    written = Review.objects.bulk_create(drawn)
    shown = [review for review in written if review.is_published]
    _vote(shown, people, rng)
    _report(shown, people, rng)
    _take_photos(shown, rng)
    with connection.cursor() as cursor:
        cursor.execute(RATE_SQL)


def make_photos() -> None:
    """Make the pictures of the demo's reviews that the storage does not have yet."""
    names = ReviewPhoto.objects.filter(image__startswith=PREFIX)
    for name in names.values_list("image", flat=True):
        if not default_storage.exists(small_name(name, "avif")):
            photo = _snapshot(name)
            small = photo.resize((SMALL, SMALL))
            for place, content in (
                (name, pictures.encode(photo, "WEBP", pictures.WEBP)),
                (small_name(name), pictures.encode(small, "WEBP", pictures.WEBP)),
                (
                    small_name(name, "avif"),
                    pictures.encode(small, "AVIF", pictures.AVIF),
                ),
            ):
                default_storage.save(place, ContentFile(content))


def _reviewed(minji: int, rng: Random) -> list[Delivered]:
    found: dict[tuple[int, int], Delivered] = {}
    for item in [*_delivered(user_id=minji), *_delivered()]:
        found.setdefault((item.user_id, item.product_id), item)
    first = [item for item in found.values() if item.user_id == minji]
    others = [item for item in found.values() if item.user_id != minji]
    chosen = rng.sample(others, min(MOST, int(len(others) * SHARE)))
    # The last ones of the first shopper wait to be written by whoever tries the demo.
    return first[: len(MINJIS_STATES)] + chosen


def _delivered(**only: int) -> Iterator[Delivered]:
    lines = OrderLine.objects.filter(
        order__status=OrderStatus.DELIVERED,
        order__events__to_status=OrderStatus.DELIVERED,
        product__published_at__isnull=False,
        **{f"order__{name}": value for name, value in only.items()},
    )
    rows = lines.order_by("-pk").values_list(
        "product_id", "order__user_id", "order_id", "order__events__happened_at"
    )
    for product_id, user_id, order_id, at in rows[:LOOKED_AT]:
        if user_id is not None:
            yield Delivered(product_id, user_id, order_id, at)


def _review(item: Delivered, people: People, rng: Random, now: datetime) -> Review:
    [rating] = rng.choices(range(1, 6), WEIGHTS)
    at = item.at + (now - item.at) * rng.uniform(0.02, 0.95)
    review = Review(
        product_id=item.product_id,
        user_id=item.user_id,
        order_id=item.order_id,
        rating=rating,
        text=_words(rating, rng),
        written_at=at,
    )
    is_read = now - at > timedelta(hours=rng.uniform(1, 14))
    state = ReviewState.PUBLISHED if is_read else ReviewState.PENDING
    _settle(review, state, people, rng, now)
    return review


def _settle(
    review: Review, state: ReviewState, people: People, rng: Random, now: datetime
) -> None:
    review.state, review.reason, review.answer = state, "", ""
    review.decided_at = review.answered_at = None
    review.decided_by_id = review.answered_by_id = None
    if state == ReviewState.REJECTED:
        review.text, review.reason = rng.choice(REJECTED)
    if state != ReviewState.PENDING:
        review.decided_by_id = people.staff_id
        review.decided_at = review.written_at + (now - review.written_at) / 3
    if state == ReviewState.PUBLISHED and rng.random() < REPLY_SHARE:
        review.answer = rng.choice(REPLIES[review.rating])
        review.answered_by_id = people.staff_id
        review.answered_at = review.decided_at


def _words(rating: int, rng: Random) -> str:
    language = rng.choice(LANGUAGES)
    if language is not None:
        return rng.choice(language[rating])
    begin, more = ENGLISH[rating]
    return f"{rng.choice(begin)} {rng.choice(more)}".strip()


def _vote(shown: list[Review], people: People, rng: Random) -> None:
    votes = []
    for review in shown:
        if rng.random() >= VOTE_SHARE:
            continue
        places = rng.sample(range(len(people)), min(len(people), MOST_VOTES))
        readers = [people.id_of(place) for place in places[: rng.randrange(1, 15)]]
        fans = [reader for reader in readers if reader != review.user_id]
        review.helpful_count = len(fans)
        votes += [HelpfulVote(review=review, user_id=fan) for fan in fans]
    HelpfulVote.objects.bulk_create(votes)
    Review.objects.bulk_update(shown, ["helpful_count"])


def _report(shown: list[Review], people: People, rng: Random) -> None:
    """Let a few be reported, by somebody who did not write them."""
    reported = rng.sample(shown, min(REPORTED, len(shown)))
    for review in reported:
        reader = people.id_of(MINJI)
        if review.user_id == reader:
            continue
        reason = rng.choice(list(ReportReason))
        ReviewReport.objects.create(review=review, user_id=reader, reason=reason)
        Review.objects.filter(pk=review.pk).update(open_reports=1)


def _take_photos(shown: list[Review], rng: Random) -> None:
    """Choose who sent a picture; it is made of the product's own."""
    happy = [review for review in shown if review.rating > 3]  # noqa: PLR2004
    chosen = rng.sample(happy, min(MOST_PHOTOS, int(len(happy) * PHOTO_SHARE)))
    side = LARGE
    photos = []
    for number, review in enumerate(chosen):
        product = review.product.photos.first()
        if product is None:
            continue
        picture = str(product.image).split("/")[1].rpartition("-")[0]
        name = f"{PREFIX}{number}-{picture}.webp"
        photos.append(
            ReviewPhoto(review=review, image=name, width=side, height=side, position=0)
        )
    ReviewPhoto.objects.bulk_create(photos)


def _snapshot(name: str) -> Image.Image:
    """Lay the product on a table, not quite straight, as people do."""
    number, _dash, picture = name.removeprefix(PREFIX).partition("-")
    source = PICTURES / picture
    thing = Image.open(source).convert("RGBA")
    thing = thing.crop(thing.getchannel("A").getbbox())
    scale = LARGE * 0.6 / max(thing.size)
    size = (round(thing.width * scale), round(thing.height * scale))
    turned = thing.resize(size).rotate(int(number) * 37 % 50 - 25, expand=True)
    table = Image.new("RGB", (LARGE, LARGE), FLOORS[int(number) % len(FLOORS)])
    corner = ((LARGE - turned.width) // 2, (LARGE - turned.height) // 2)
    table.paste(turned, corner, turned)
    return table
