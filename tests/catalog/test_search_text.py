"""From what was typed to a query: what means what."""

import unicodedata

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.search_text import MAX_LENGTH, Term, clean, parse, to_query


def words(text: str) -> list[list[str]]:
    return [[" ".join(term.words) for term in group] for group in parse(text)]


def test_the_syntax_is_that_of_web_searches() -> None:
    assert words("oak lamp") == [["oak", "lamp"]]
    assert words("oak or steel lamp") == [["oak"], ["steel", "lamp"]]
    assert parse('-"made of oak" lamp') == [
        [
            Term(("made", "of", "oak"), is_excluded=True, is_phrase=True),
            Term(("lamp",), is_open=True),
        ]
    ]


def test_words_that_narrow_nothing_are_left_out_unless_they_are_all() -> None:
    assert words("gift for the garden") == [["gift", "garden"]]
    assert words("the") == [["the"]]
    assert words("-oak") == [["oak"]]
    assert words("or") == [["or"]]
    assert words("!!! ( ) & | :*") == []


@pytest.mark.parametrize(
    ("text", "is_open"),
    [("la", [False]), ("lam", [True]), ("lamp oak", [False, True]), ("차", [False]),
     ("컵", [True]), ("가방 노트", [True, True]), ('"lamp"', [False])],
)  # fmt: skip
def test_a_word_may_go_on_from_three_letters_on(text: str, is_open: list[bool]) -> None:
    assert [term.is_open for term in parse(text)[0]] == is_open


def test_texts_are_cleaned() -> None:
    assert clean("  oak\t\x00 lamp\n") == "oak lamp"
    assert clean("\ud800") == ""
    assert clean("x" * 10_000) == "x" * MAX_LENGTH
    # Hangul in pieces, as some systems send it.
    assert clean(unicodedata.normalize("NFD", "노트북")) == "노트북"


def test_words_that_mean_the_same_are_joined() -> None:
    synonyms = {("portable", "computer"): ("laptop",), ("bag",): ("sack",)}

    query = to_query("portable computer bag", synonyms)

    assert query is not None
    assert "'laptop'" in query.params.values()
    assert "'sack'" in query.params.values()


@pytest.mark.django_db
@settings(deadline=None, max_examples=80)
@given(st.text(max_size=40) | st.text("'\"\\-:*&|!()<> orab1@/.", max_size=40))
def test_no_text_is_an_error_to_postgresql(text: str) -> None:
    query = to_query(clean(text), {})
    if query is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {query.sql}", query.params)

        assert len(cursor.fetchall()) == 1
