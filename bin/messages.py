"""Collects what is to be translated, and makes of translations what gettext reads.

``update`` collects new words into the catalogues, where translators fill them in;
``compile`` (also done by ``update``) writes the ``.mo`` files. Babel does it, so that
no programs of GNU gettext are needed.
"""

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from babel.messages import extract
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent
# The back office speaks the shop's own language only.
NOT_FOR_SHOPPERS = re.compile(
    r"(config|demo)/.*|analytics/(?!reasons).*|.*/(migrations|management)/.*"
    r"|.*/(admin(_\w+)?|sheets)\.py|templates/admin/.*"
    r"|catalog/price_(models|rules)\.py|checkout/manifest\.py|common/importing\.py"
)
# What libraries say on the shop's pages, and their translators say wrongly.
BORROWED = {"allauth": ("Backup key", "Invalid or expired key.", "Remember Me")}
SUFFIXES = {".py", ".html", ".txt"}
KEYWORDS = {
    **extract.DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}


def collect() -> Catalog:
    """Return every word of the sources, with the places it stands in."""
    catalog = Catalog(charset="utf-8")
    for library, words in BORROWED.items():
        for word in words:
            catalog.add(word, locations=[(library, 0)])
    for place, path in _sources():
        for _line, message, comments, context in _words(path):
            # Without the line, which would change with every edit above it.
            catalog.add(
                message, locations=[(place, 0)], auto_comments=comments, context=context
            )
    return catalog


def catalogue(language: str) -> Catalog:
    """Return the translations of a language as they are written down."""
    with _po(language).open("rb") as file:
        found = read_po(file, locale=language)
    # Kept nowhere: the same words give the same files.
    found.creation_date = found.revision_date = NO_DATE
    return found


def compiled(translations: Catalog) -> bytes:
    """Return translations in the form that gettext reads."""
    buffer = io.BytesIO()
    write_mo(buffer, translations)
    return buffer.getvalue()


def update(language: str) -> None:
    """Write new words into the catalogue of a language, and drop what is gone."""
    translations = catalogue(language) if _po(language).exists() else Catalog(language)
    translations.update(collect(), no_fuzzy_matching=True)
    translations.obsolete.clear()
    _po(language).parent.mkdir(parents=True, exist_ok=True)
    _po(language).write_bytes(written(translations))


def written(translations: Catalog) -> bytes:
    """Return translations as the file in which they are kept, the same each time."""
    buffer = io.BytesIO()
    write_po(
        buffer, translations, width=88, omit_header=True, sort_output=True,
        include_lineno=False,
    )  # fmt: skip
    header = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
        f'"Language: {translations.locale_identifier}\\n"\n'
        f'"Plural-Forms: {translations.plural_forms}\\n"\n\n'
    )
    return header.encode() + buffer.getvalue()


def main(wish: str) -> None:
    """Update and compile, or only compile."""
    for language in languages():
        if wish == "update":
            update(language)
        mo_path(language).write_bytes(compiled(catalogue(language)))
        left = sum(1 for word in catalogue(language) if word.id and not word.string)
        print(f"{language}: {left} words to translate")


def languages() -> list[str]:
    """Return the languages that need translations: all but the shop's own."""
    codes = [code for code, _name in settings.LANGUAGES]
    return [code for code in codes if code != settings.LANGUAGE_CODE]


def mo_path(language: str) -> Path:
    """Return where gettext looks for the translations of a language."""
    return _po(language).with_suffix(".mo")


def _po(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / "django.po"


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield what speaks to shoppers: a path from the project's folder, and the file."""
    apps = [name for name in settings.INSTALLED_APPS if (ROOT / name).is_dir()]
    for folder in sorted([*apps, "templates"]):
        for path in sorted((ROOT / folder).rglob("*")):
            place = path.relative_to(ROOT).as_posix()
            if path.suffix in SUFFIXES and not NOT_FOR_SHOPPERS.fullmatch(place):
                yield place, path


def _words(path: Path) -> Iterator[Any]:
    source = path.read_text()
    if path.suffix != ".py":
        # Django's own way to show a template to gettext: Python with blanks.
        lines = templatize(source, origin=str(path)).splitlines()
        source = "\n".join(line.strip() for line in lines)
    return extract.extract("python", io.BytesIO(source.encode()), KEYWORDS)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1] if len(sys.argv) > 1 else "update")
