"""The catalogues are complete, and gettext reads what translators wrote."""

import gettext
import re
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message

from bin import messages

# Scripts, and into how many classes a number falls.
LANGUAGES = {"ko": (r"[가-힣]", 1), "ru": (r"[а-яё]", 3)}
# Of Python's formatting, and of the one script that fills in a number.
PLACEHOLDER = re.compile(r"%\(\w+\)\w|%[sd%]|\{\w+\}")
MARKUP = re.compile(r"</?\w+")
# Not said in words, or the same everywhere.
UNWORDED = re.compile(r"e-mail|PayPal|API|[\W\d]*g?")

each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    return messages.collect()


def test_words_of_shoppers_are_found(wanted: Catalog) -> None:
    # Of a module, an error, a letter with HTML and one without, a page, and a plural.
    found = {message.id for message in _words(wanted)}

    assert {
        "Order %(number)s is paid",
        "Your cart is empty.",
        "Follow the parcel on the carrier’s page",
        "Of this, %(points)s go back to your point balance.",
        "Mark all as read",
        "Because you viewed %(name)s",
        ("%(number)s review", "%(number)s reviews"),
    } <= found
    assert len(found) > 1_000


def test_back_office_stays_in_the_shop_s_own_language(wanted: Catalog) -> None:
    places = {place for word in _words(wanted) for place, _line in word.locations}

    assert [place for place in places if "admin" in place] == []


@each_language
def test_every_word_is_translated_and_none_by_guess(
    language: str, wanted: Catalog
) -> None:
    words = _words(messages.catalogue(language))

    assert {_key(word) for word in words} == {_key(word) for word in _words(wanted)}
    missing = [word.id for word in words if not all(_forms(word))]
    assert missing == [], f"{len(missing)} words without translation"
    assert [word.id for word in words if word.fuzzy] == []


@each_language
def test_translations_fill_in_the_same_facts(language: str) -> None:
    for word in _words(messages.catalogue(language)):
        for form in _forms(word):
            assert _facts(form) == _facts(_forms_of_id(word)[-1]), word.id


@each_language
def test_translations_are_in_their_own_script(language: str) -> None:
    script = re.compile(LANGUAGES[language][0], re.IGNORECASE)

    assert [
        form
        for word in _words(messages.catalogue(language))
        for form in _forms(word)
        if not script.search(form) and not UNWORDED.fullmatch(PLACEHOLDER.sub("", form))
    ] == []


@each_language
def test_plurals_have_a_form_for_each_class_of_numbers(language: str) -> None:
    catalogue = messages.catalogue(language)
    classes = LANGUAGES[language][1]

    assert catalogue.num_plurals == classes
    for word in _words(catalogue):
        assert len(_forms(word)) == (classes if word.pluralizable else 1), word.id


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("ko", 1, "상품 1개"),
        ("ko", 5, "상품 5개"),
        ("ru", 1, "1 товар"),
        ("ru", 3, "3 товара"),
        ("ru", 11, "11 товаров"),
        ("ru", 21, "21 товар"),
        ("ru", 100, "100 товаров"),
    ],
)
def test_numbers_take_the_right_form(language: str, number: int, said: str) -> None:
    compiled = messages.mo_path(language).read_bytes()
    words = gettext.GNUTranslations(BytesIO(compiled))

    text = words.ngettext("%(number)s product", "%(number)s products", number)
    assert text % {"number": number} == said


@each_language
def test_compiled_catalogue_is_current(language: str) -> None:
    fresh = messages.compiled(messages.catalogue(language))

    assert messages.mo_path(language).read_bytes() == fresh, "run: make messages"


@each_language
def test_written_catalogue_is_as_the_tool_writes_it(language: str) -> None:
    catalogue = messages.catalogue(language)
    path = messages.mo_path(language).with_suffix(".po")

    assert path.read_bytes() == messages.written(catalogue), "run: make messages"


def _words(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _key(word: Message) -> tuple[object, str | None]:
    return word.id, word.context


def _forms(word: Message) -> tuple[str, ...]:
    found = word.string
    return found if isinstance(found, tuple) else (str(found or ""),)


def _forms_of_id(word: Message) -> tuple[str, ...]:
    return word.id if isinstance(word.id, tuple) else (str(word.id),)


def _facts(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text) + MARKUP.findall(text))
