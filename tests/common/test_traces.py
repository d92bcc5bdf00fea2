"""How somebody is found in a text, and taken out of it."""

import json

import pytest

from common.traces import GONE, Traces


def test_address_name_and_phone_go_in_whatever_case() -> None:
    traces = Traces.of(["Minji@Example.com", "Kim Min-ji", "+82 10-1234-5678"])

    assert (
        traces.without("KIM MIN-JI <minji@example.com> rang from +82 10-1234-5678.")
        == f"{GONE} <{GONE}> rang from {GONE}."
    )


def test_longer_words_go_first() -> None:
    traces = Traces.of(["Min-ji", "Kim Min-ji"])

    assert traces.without("Kim Min-ji") == GONE


@pytest.mark.parametrize("word", ["", "  ", "Kim", "4B", "04524", "12"])
def test_word_that_may_be_anybodys_is_left_alone(word: str) -> None:
    assert Traces.of([word]).words == ()


def test_korean_name_of_three_syllables_is_a_trace_in_json_too() -> None:
    traces = Traces.of(["김민지"])

    assert traces.without(json.dumps({"name": "김민지"})) == f'{{"name": "{GONE}"}}'


def test_nobody_is_in_no_text() -> None:
    assert Traces.of([]).without("as it was") == "as it was"
