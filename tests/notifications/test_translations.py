"""The catalogues are complete, and gettext reads what translators wrote."""

import re

import pytest

from bin import messages

LANGUAGES = ["ko", "ru"]
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@pytest.fixture(scope="module")
def wanted() -> set[str]:
    return {str(word.id) for word in messages.collect() if word.id}


def test_words_of_letters_are_found(wanted: set[str]) -> None:
    # One of a module, of a template with HTML, of one without, and of a page.
    assert {
        "Order %(number)s is paid",
        "Follow the parcel on the carrier’s page",
        "Of this, %(points)s go back to your point balance.",
        "Mark all as read",
    } <= wanted
    assert len(wanted) > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_translated_and_none_by_guess(
    language: str, wanted: set[str]
) -> None:
    words = [word for word in messages.catalogue(language) if word.id]

    assert {str(word.id) for word in words} == wanted
    assert [word.id for word in words if not word.string or word.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_fill_in_the_same_facts(language: str) -> None:
    for word in messages.catalogue(language):
        facts = sorted(PLACEHOLDER.findall(str(word.id)))
        assert sorted(PLACEHOLDER.findall(str(word.string))) == facts, word.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_current(language: str) -> None:
    fresh = messages.compiled(messages.catalogue(language))

    assert messages.mo_path(language).read_bytes() == fresh, "run: make messages"


@pytest.mark.parametrize("language", LANGUAGES)
def test_written_catalogue_is_as_the_tool_writes_it(language: str) -> None:
    catalogue = messages.catalogue(language)
    path = messages.mo_path(language).with_suffix(".po")

    assert path.read_bytes() == messages.written(catalogue), "run: make messages"
