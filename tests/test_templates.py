"""What is written in templates: marked for translators, and nothing but markup."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR / "templates"
# Staff and developers read English; letters and papers are read by shoppers.
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.html"))
    if path.relative_to(ROOT).parts[0] not in {"admin", "api"}
]
MARKED = re.compile(
    r"{%-?\s*blocktrans(?:late)?\b.*?{%-?\s*endblocktrans(?:late)?\s*-?%}"
    r"|{%\s*comment.*?endcomment\s*%}"
    r"|{#.*?#}"
    r"|<(script|style|svg)\b.*?</\1>",
    re.DOTALL,
)
# Tags may hold quotes that hold tags; a template's own come first.
TEMPLATE_TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
HTML_TAG = re.compile(r"<!?[a-zA-Z/](?:\"[^\"]*\"|'[^']*'|[^>])*>")
# Of a tag that another template opens.
ATTRIBUTE = re.compile(r"\b[a-z-]+=\"[^\"]*\"")
ENTITY = re.compile(r"&\w+;|&#\d+;")
# What browsers or machines read aloud or show.
SPOKEN = re.compile(
    r"\s(?:alt|title|placeholder|aria-label|aria-description|aria-roledescription)"
    r"=\"([^\"]*)\""
)
WORD = re.compile(r"[^\W\d_]{2,}")
# The same in every language.
NAMES = {"PDF", "CSV", "JSON", "API", "Dojang", "MB", "Ctrl", "SKU", "ID", "UTC"}
INLINE = re.compile(r"\s(?:on[a-z]+|style)=\"")
# Programs that show letters know no stylesheets.
LETTERS = ROOT / "emails"
each_template = pytest.mark.parametrize(
    "template", PAGES, ids=lambda path: str(path.relative_to(ROOT))
)


def bare_words(text: str) -> list[str]:
    """Return the words that translators do not get to see."""
    text = MARKED.sub(" ", text)
    text = TEMPLATE_TAG.sub(lambda tag: "" if "%" in tag[0][:2] else "…", text)
    spoken = " ".join(SPOKEN.findall(text))
    shown = ENTITY.sub(" ", ATTRIBUTE.sub(" ", HTML_TAG.sub(" ", text)))
    return [word for word in WORD.findall(f"{shown} {spoken}") if word not in NAMES]


@each_template
def test_each_word_is_marked_for_translators(template: Path) -> None:
    assert bare_words(template.read_text()) == []


def test_nothing_is_styled_or_scripted_in_place() -> None:
    pages = [template for template in PAGES if LETTERS not in template.parents]
    inline = {
        template.name: INLINE.findall(TEMPLATE_TAG.sub("", template.read_text()))
        for template in pages
    }

    assert {name: found for name, found in inline.items() if found} == {}


@each_template
def test_a_whole_page_says_its_language(template: Path) -> None:
    root = re.search(r"<html\b[^>]*>", template.read_text())

    assert root is None or " lang=" in root[0]


def test_bare_words_are_found() -> None:
    page = """
        <p class="small">Hello {{ name }} {% translate "there" %}</p>
        <img alt="A cup" title="{% translate "a > b" %}">
        {% blocktranslate %}{{ n }} cups{% endblocktranslate %}
    """

    assert bare_words(page) == ["Hello", "cup"]
