"""The vocabulary and the synonyms, read from the database and kept in the cache.

The clock makes the vocabulary anew. Where the cache has lost it, whoever needs it has
it made in a thread of its own, and does without until then: it takes seconds.
"""

import logging
from collections.abc import Callable
from threading import Lock, Thread
from time import time_ns

from django.core.cache import cache
from django.db import Error, connection
from django.utils import timezone

from catalog.models import Category, Product, ProductText, SynonymGroup
from catalog.models import Phrase as TranslatedName
from catalog.search_text import MAX_LENGTH, Synonyms
from catalog.vocabulary import Phrase, Shelf, Vocabulary, Word, phrases_of

# Longer than the clock's round, so that it is the clock that makes them as a rule.
VOCABULARY_SECONDS = 3600
SYNONYM_SECONDS = 60
# The most frequent; the words of names first.
MOST_WORDS = 20_000
MOST_PHRASES = 20_000
# (Of descriptions, those of the youngest 10,000 products: reading all takes seconds.)
# Names that phrases are made of: the most popular products, then the youngest.
MOST_NAMES = 20_000
# Longer than reading it takes.
BUILDING_SECONDS = 60
_BUILDING_KEY = "search:vocabulary:building"
_VERSION_KEY = "search:vocabulary:version"
_WORDS_KEY = "search:vocabulary:words"
_SYNONYMS_KEY = "search:synonyms"
_WORDS_SQL = """
    SELECT word, sum(ndoc), bool_or(is_name) FROM (
        SELECT word, ndoc, true AS is_name FROM ts_stat($$
            SELECT to_tsvector('simple', name || ' ' || other_names)
                   || jsonb_to_tsvector('simple', options, '["string"]')
              FROM catalog_product WHERE published_at <= now() $$)
         UNION ALL
        SELECT word, ndoc, true FROM ts_stat($$
            SELECT to_tsvector('simple', name) FROM catalog_category
             UNION ALL
            SELECT to_tsvector('simple', text) FROM catalog_phrase
             WHERE source IN (SELECT name FROM catalog_category) $$)
         UNION ALL
        SELECT word, ndoc, false FROM ts_stat($$
            SELECT to_tsvector('simple', description || ' ' || other_descriptions)
              FROM catalog_product WHERE published_at <= now()
             ORDER BY created_at DESC LIMIT 10000 $$)
    ) AS counted
     WHERE word ~ '[[:alpha:]]' AND length(word) BETWEEN 2 AND 30
     GROUP BY word ORDER BY bool_or(is_name) DESC, sum(ndoc) DESC, word
     LIMIT %s
"""

logger = logging.getLogger(__name__)
_NOTHING = Vocabulary(())
_building = Lock()
# The version this process has in memory, and what it is.
_held: tuple[int, Vocabulary] | None = None


def vocabulary() -> Vocabulary:
    """Return the words of the catalogue, at most an hour old; at first, no words."""
    global _held  # noqa: PLW0603 — a memory of this process
    version: int | None = cache.get(_VERSION_KEY)
    if version is not None and (_held is None or _held[0] != version):
        kept: Vocabulary | None = cache.get(_WORDS_KEY)
        if kept is not None:
            _held = (version, kept)
    elif version is None and cache.add(_BUILDING_KEY, 1, BUILDING_SECONDS):
        start(refresh_vocabulary)
    return _held[1] if _held else _NOTHING


def refresh_vocabulary() -> Vocabulary:
    """Read the words of the catalogue and keep them for everybody; takes seconds."""
    global _held  # noqa: PLW0603 — a memory of this process
    fresh = Vocabulary(_read_words(), _read_phrases(), _read_shelves())
    fresh.prepare()
    version = time_ns()
    # The words first: who sees the version finds them.
    cache.set(_WORDS_KEY, fresh, VOCABULARY_SECONDS + 60)
    cache.set(_VERSION_KEY, version, VOCABULARY_SECONDS)
    cache.delete(_BUILDING_KEY)
    _held = (version, fresh)
    return fresh


def _in_a_thread(build: Callable[[], object]) -> None:
    Thread(target=_build, args=(build,), name="vocabulary", daemon=True).start()


def _build(build: Callable[[], object]) -> None:
    # Without a cache there is nobody else to say that it is being done.
    if not _building.acquire(blocking=False):
        return
    try:
        build()
    except Error as error:
        logger.warning("the catalogue's words cannot be read: %s", error)
    finally:
        connection.close()
        _building.release()


# How the words are read without anybody waiting; tests wait.
start = _in_a_thread


def synonyms() -> Synonyms:
    """Return, for words or runs of words, what else means the same."""
    kept: Synonyms | None = cache.get(_SYNONYMS_KEY)
    if kept is None:
        kept = _read_synonyms()
        cache.set(_SYNONYMS_KEY, kept, SYNONYM_SECONDS)
    return kept


def _read_synonyms() -> Synonyms:
    found: dict[tuple[str, ...], list[str]] = {}
    for words in SynonymGroup.objects.values_list("words", flat=True):
        for word in words:
            others = found.setdefault(tuple(word.casefold().split()), [])
            others += [other for other in words if other not in {word, *others}]
    return {key: tuple(others) for key, others in found.items() if key}


def _read_words() -> list[Word]:
    with connection.cursor() as cursor:
        cursor.execute(_WORDS_SQL, [MOST_WORDS])
        return [Word(*row) for row in cursor.fetchall()]


def _read_phrases() -> list[Phrase]:
    on_sale = Product.objects.filter(published_at__lte=timezone.now())
    wanted = on_sale.order_by("-popularity__score", "-created_at")
    own = wanted.values_list("name", "popularity__score")[:MOST_NAMES]
    others = (
        ProductText.objects.filter(product__in=on_sale)
        .order_by("-product__popularity__score", "-product__created_at")
        .values_list("name", "product__popularity__score")[:MOST_NAMES]
    )
    weighted = [(name[:MAX_LENGTH], score or 0.0) for name, score in (*own, *others)]
    return phrases_of(weighted, most=MOST_PHRASES)


def _read_shelves() -> list[Shelf]:
    """Return each category by each of its names."""
    rows = list(
        Category.objects.order_by("position", "id").values_list("id", "name", "slug")
    )
    translated: dict[str, list[str]] = {}
    phrases = TranslatedName.objects.filter(source__in=[name for _, name, _ in rows])
    for source, text in phrases.values_list("source", "text"):
        translated.setdefault(source, []).append(text)
    return [
        Shelf(shelf_id, known_as, slug)
        for shelf_id, name, slug in rows
        for known_as in (name, *translated.get(name, ()))
    ]
