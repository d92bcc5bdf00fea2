"""Searches that found nothing, counted in Redis until the clock writes them down.

A search must not wait for a write, and a flood of nonsense must not fill a table: what
is typed between two rounds of the clock becomes one statement, of bounded length.
"""

import logging
import re
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.models import FruitlessSearch
from common.cache import redis_client

logger = logging.getLogger(__name__)

# Different texts in one round; what comes after them is left out.
MOST_TEXTS = 1_000
# Texts that nobody has typed for so long are forgotten.
FORGET_AFTER = timedelta(days=90)
_COUNTS_KEY = "dojang:fruitless"
_TAKEN_KEY = "dojang:fruitless:taken"
_KEPT_SECONDS = 24 * 3600
_SEPARATOR = "\x1f"
# Addresses, and numbers of phones, cards or orders, are nobody's business.
_PERSONAL = re.compile(r"@|(?:\d[\s.-]?){6}")
_UPSERT = """
    INSERT INTO catalog_fruitlesssearch (text, corrected_to, times, last_at)
    SELECT text, corrected_to, times, now()
      FROM unnest(%(texts)s::text[], %(corrections)s::text[], %(times)s::int[])
           AS noted (text, corrected_to, times)
    ON CONFLICT (text) DO UPDATE
       SET times = catalog_fruitlesssearch.times + excluded.times,
           corrected_to = excluded.corrected_to, last_at = excluded.last_at
"""


def note(text: str, *, corrected_to: str) -> None:
    """Count a text that found nothing; ``corrected_to`` is empty if nothing helped."""
    if _PERSONAL.search(text):
        return
    client = redis_client(settings.REDIS_URL)
    field = f"{text.casefold()}{_SEPARATOR}{corrected_to}"
    try:
        if client.hexists(_COUNTS_KEY, field) or client.hlen(_COUNTS_KEY) < MOST_TEXTS:
            client.hincrby(_COUNTS_KEY, field, 1)
            client.expire(_COUNTS_KEY, _KEPT_SECONDS)
    except redis.RedisError as error:
        # The shop learns a little less, and nobody waits.
        logger.warning("a search without hits is not counted: %s", error)


def store() -> int:
    """Write down what was counted, and forget what is old; return how many texts."""
    client = redis_client(settings.REDIS_URL)
    # What an earlier round has taken and not written comes first.
    if not client.exists(_TAKEN_KEY) and client.exists(_COUNTS_KEY):
        client.rename(_COUNTS_KEY, _TAKEN_KEY)
    counted: Any = client.hgetall(_TAKEN_KEY)
    noted: dict[str, tuple[str, int]] = {}
    for entry, times in counted.items():
        text, _, corrected_to = entry.partition(_SEPARATOR)
        noted[text] = (corrected_to, noted.get(text, ("", 0))[1] + int(times))
    if noted:
        _write(noted)
    client.delete(_TAKEN_KEY)
    old = timezone.now() - FORGET_AFTER
    FruitlessSearch.objects.filter(last_at__lt=old).delete()
    return len(noted)


def _write(noted: dict[str, tuple[str, int]]) -> None:
    params: dict[str, Any] = {
        "texts": list(noted),
        "corrections": [corrected_to for corrected_to, _ in noted.values()],
        "times": [times for _, times in noted.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, params)
