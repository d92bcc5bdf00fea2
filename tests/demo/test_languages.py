"""The demo's catalogue says everything in each language of the shop."""

import re
from collections import Counter

import pytest
from django.conf import settings

from demo.catalogue import articles, categories
from demo.catalogue.languages import languages, words
from demo.seed.coupons import BATCHES_OF_THE_DEMO
from demo.seed.delivery import METHODS, POINTS, ZONES
from demo.seed.promotions import DEALS

ARTICLES = list(articles())
SCRIPTS = {"ko": r"[가-힣]", "ru": r"[а-яё]"}
# Spelled alike everywhere.
INTERNATIONAL = {"Bluetooth", "HDMI", "USB-C", "Wi-Fi"}
AGES = re.compile(r"\d+\+")

each_language = pytest.mark.parametrize("language", SCRIPTS)


def test_there_is_a_folder_for_each_language() -> None:
    own = settings.LANGUAGE_CODE
    wanted = {code for code, _name in settings.LANGUAGES} - {own}

    assert {*languages()} == wanted == {*SCRIPTS}


@each_language
def test_every_product_has_a_name_and_a_text(language: str) -> None:
    said = words(language)
    script = re.compile(SCRIPTS[language])

    for article in ARTICLES:
        assert script.search(said.name(article)), article.sku
        assert len(said.name(article)) <= 90
        assert script.search(said.text(article)), article.sku
        assert 25 <= len(said.text(article)) <= 400


@each_language
def test_no_name_and_no_text_is_there_twice(language: str) -> None:
    said = words(language)
    names = Counter(said.name(article) for article in ARTICLES)
    texts = Counter(entry["text"] for entry in said.products.values())

    assert [name for name, count in names.items() if count > 1] == []
    assert [text for text, count in texts.items() if count > 1] == []


@each_language
def test_nothing_is_translated_that_is_not_sold(language: str) -> None:
    assert set(words(language).products) == {article.model for article in ARTICLES}


@each_language
def test_every_short_name_of_the_demo_is_translated(language: str) -> None:
    phrases = words(language).phrases
    script = re.compile(SCRIPTS[language], re.IGNORECASE)

    assert sorted(_short_names() - set(phrases)) == []
    assert [
        text
        for text in phrases.values()
        if not script.search(text)
        and not AGES.fullmatch(text)
        and text not in INTERNATIONAL
    ] == []


def test_every_product_has_facts_that_filters_can_show() -> None:
    counts = Counter(key for article in ARTICLES for key in article.options)

    assert all(article.facts for article in ARTICLES)
    assert len(counts) <= 16
    assert counts["material"] > 150


def _short_names() -> set[str]:
    """Return what the demo's shoppers read that is neither sentence nor product."""
    shelves = {top.name for top in categories()}
    shelves |= {shelf.name for top in categories() for shelf in top.shelves}
    keys = {key for article in ARTICLES for key in article.options}
    values = {value for article in ARTICLES for value in article.options.values()}
    deals = {deal.name for deal in DEALS} | {deal.announcement for deal in DEALS}
    delivery = {one["name"] for one in METHODS} | {name for name, *_rest in ZONES}
    points = {name for _code, name, *_rest in POINTS}
    batches = {batch.name for batch in BATCHES_OF_THE_DEMO}
    # The last two are among the shop's own messages.
    found = shelves | keys | values | deals | delivery | points | batches
    return found - {"", "colour", "material"}
