"""The language of whoever reads what is being written."""

from django.conf import settings
from django.utils.translation import get_language, to_locale


def reader_language() -> str:
    """Return the language that is switched on, the shop's own if none is."""
    return get_language() or settings.LANGUAGE_CODE


def reader_locale() -> str:
    """Return it as Babel names it: ``pt_BR`` for ``pt-br``."""
    return to_locale(reader_language())
