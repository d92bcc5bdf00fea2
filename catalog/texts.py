"""What products and shelves are called in the language of whoever reads.

The shop's own language stands in the rows themselves. Products have texts of their own
in the others; all that has only a short name shares one list of phrases.
"""

from collections.abc import Mapping

from django.conf import settings
from django.db.models import F, OuterRef, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf

from catalog.models import Phrase, ProductText
from common.languages import reader_language
from common.memo import Memo

# A phrase that was changed shows within a minute; nothing is decided on it.
_phrases: Memo[str, Mapping[str, str]] = Memo(seconds=60, size=10)


def local_name(product: str = "", *, language: str = "") -> Combinable:
    """Return an expression for a product's name in a language, the reader's if none.

    ``product`` is the path from the row to its product, e.g. ``"product"`` for items
    of a cart; nothing for products themselves. It costs no statement of its own.
    """
    return _local("name", product, language)


def local_description(product: str = "", *, language: str = "") -> Combinable:
    """Return an expression for a product's description, as ``local_name`` does."""
    return _local("description", product, language)


def local(text: str, language: str = "") -> str:
    """Return a name the shop gave in a language, the reader's if none is said.

    What has not been translated stays as it is.
    """
    language = language or reader_language()
    if language == settings.LANGUAGE_CODE:
        return text
    phrases = _phrases.get_or_make(language, lambda: _read_phrases(language))
    return phrases.get(text, text)


def _local(column: str, product: str, language: str) -> Combinable:
    language = language or reader_language()
    own = F(f"{product}__{column}" if product else column)
    if language == settings.LANGUAGE_CODE:
        return own
    texts = ProductText.objects.filter(
        product=OuterRef(product or "pk"), language=language
    )
    said = NullIf(Subquery(texts.values(column)[:1]), Value(""))
    return Coalesce(said, own, output_field=TextField())


def _read_phrases(language: str) -> Mapping[str, str]:
    rows = Phrase.objects.filter(language=language).values_list("source", "text")
    return dict(rows)
