"""Numbers that survive a phone call, and ids in the order of time."""

from uuid import RFC_4122

from hypothesis import assume, given
from hypothesis import strategies as st

from common.ids import (
    ALPHABET,
    NUMBER_LENGTH,
    check_character,
    is_public_number,
    public_number,
    uuid7,
)

bodies = st.text(ALPHABET, min_size=NUMBER_LENGTH - 1, max_size=NUMBER_LENGTH - 1)
places = st.integers(0, NUMBER_LENGTH - 1)


@given(body=bodies)
def test_body_with_its_check_character_is_a_number(body: str) -> None:
    assert is_public_number(body + check_character(body))


@given(body=bodies, place=places, wrong=st.sampled_from(ALPHABET))
def test_any_single_mistyped_character_is_caught(
    body: str, place: int, wrong: str
) -> None:
    number = body + check_character(body)
    assume(number[place] != wrong)

    assert not is_public_number(number[:place] + wrong + number[place + 1 :])


@given(body=bodies, place=st.integers(0, NUMBER_LENGTH - 2))
def test_swapped_neighbours_are_caught_but_for_the_first_and_last_character(
    body: str, place: int
) -> None:
    number = body + check_character(body)
    left, right = number[place], number[place + 1]
    # Luhn's one blind spot, and equal characters are no swap.
    assume(left != right and {left, right} != {ALPHABET[0], ALPHABET[-1]})

    assert not is_public_number(number[:place] + right + left + number[place + 2 :])


def test_numbers_are_of_the_alphabet_valid_and_different() -> None:
    numbers = {public_number() for _ in range(2_000)}

    assert len(numbers) == 2_000
    assert all(is_public_number(number) for number in numbers)
    # Every character turns up in every place: none of the bits is constant.
    for place in range(NUMBER_LENGTH):
        assert {number[place] for number in numbers} == set(ALPHABET)


def test_other_texts_are_no_numbers() -> None:
    assert not is_public_number("")
    assert not is_public_number("7KQF2M9X4")
    assert not is_public_number("ILOUILOUIL")
    assert not is_public_number(public_number().lower() + "x")


def test_uuids_are_of_version_7_and_grow_with_time() -> None:
    uuids = [uuid7() for _ in range(1_000)]

    assert {(value.version, value.variant) for value in uuids} == {(7, RFC_4122)}
    milliseconds = [value.int >> 80 for value in uuids]
    assert milliseconds == sorted(milliseconds)
    assert len(set(uuids)) == 1_000
