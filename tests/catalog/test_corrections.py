"""What was meant: typing errors, keyboard layouts, spaces and syllables."""

from random import Random

import pytest

from catalog.keyboards import initials, keystrokes
from catalog.vocabulary import Phrase, Shelf, Vocabulary, Word, phrases_of
from tests.catalog.slips import demo_vocabulary, long_words, typos

DEMO = demo_vocabulary()


def vocabulary(*words: str) -> Vocabulary:
    return Vocabulary([Word(word, 1, is_name=True) for word in words])


def test_nine_of_ten_typing_errors_are_understood_at_once() -> None:
    tried, wrong = 0, []
    for seed in range(3):
        for typed, meant in typos(long_words(DEMO, least=4), Random(seed)):
            # What is a word itself has hits, and is never corrected.
            if not DEMO.knows(typed):
                tried += 1
                if DEMO.corrections(typed)[:1] != [meant]:
                    wrong.append((typed, meant))

    assert tried >= 200
    assert len(wrong) <= tried / 10, wrong


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("keybaord", "keyboard"),
        ("hedphones", "headphones"),
        ("TEPOT", "teapot"),
        ("bleu mug", "blue mug"),
        ("'keybord'", "keyboard"),
        ("head phones", "headphones"),
        ("alarmclock", "alarm clock"),
        ("headph", "headphones"),
    ],
)
def test_slips_in_latin_letters(typed: str, meant: str) -> None:
    words = vocabulary(
        "keyboard", "headphones", "teapot", "blue", "mug", "alarm", "clock"
    )

    assert words.corrections(typed.strip("'"))[0] == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        # Korean keys were on, Latin ones meant; and the other way round.
        ("ㅡㅕㅎ", "mug"),
        ("ㅠㅐㅐㅏ", "book"),
        ("ㅣㅁㅡㅔ", "lamp"),
        ("솜", "tha"),
        ("shxmqnr", "노트북"),
        ("SHXMQNR", "노트북"),
        ("rkqkd", "가방"),
        ("Rhc", "꽃"),
        # Russian.
        ("ьгп", "mug"),
        ("ДФЬЗ", "lamp"),
        ("rhe;rf", "кружка"),
        ("kfvgf", "лампа"),
        (",evfuf", "бумага"),
    ],
)
def test_another_layout_was_on(typed: str, meant: str) -> None:
    words = vocabulary(
        "mug",
        "book",
        "lamp",
        "tha",
        "노트북",
        "가방",
        "꽃",
        "кружка",
        "лампа",
        "бумага",
    )

    assert words.corrections(typed)[:1] == [meant]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("노트붇", "노트북"),
        ("너트북", "노트북"),
        ("노틉", "노트북"),
        ("ㄴㅌㅂ", "노트북"),
        ("무선이어폰", "무선 이어폰"),
        ("이어 폰", "이어폰"),
    ],
)
def test_slips_in_hangul(typed: str, meant: str) -> None:
    words = vocabulary("노트북", "무선", "이어폰", "노을")

    assert words.corrections(typed)[0] == meant


def test_syllables_are_taken_apart_into_keys() -> None:
    assert keystrokes("노트북") == "shxmqnr"
    assert keystrokes("ㅡㅕㅎ mug") == "mug mug"
    assert keystrokes("닭") == "ekfr"
    assert keystrokes("쇠고기") == "thlrhrl"
    assert initials("노트북 2") == "ㄴㅌㅂ 2"


def test_what_is_known_or_far_from_everything_is_left_alone() -> None:
    words = vocabulary("keyboard", "blue")

    assert words.corrections("keyboard") == []
    assert words.corrections("blue keyboard") == []
    assert words.corrections("xylophone") == []
    assert words.corrections("ky") == []
    assert words.corrections("12345") == []
    assert words.corrections("") == []
    assert Vocabulary([]).corrections("keyboard") == []


def test_the_more_frequent_of_equals_is_meant() -> None:
    words = Vocabulary([Word("band", 1, is_name=True), Word("bank", 90, is_name=True)])

    assert words.corrections("banx")[0] == "bank"


def test_phrases_are_runs_of_the_words_of_names() -> None:
    names = [("Teapot of the House, series 12", 0.0), ("Blue teapot", 0.0)]

    texts = [phrase.text for phrase in phrases_of(names, most=10)]

    assert texts == ["teapot", "blue", "blue teapot", "house", "house series", "series"]


def test_beginnings_go_on_to_the_most_wanted_and_with_any_layout() -> None:
    words = Vocabulary(
        [],
        [Phrase("lamp", 5), Phrase("lamp shade", 9), Phrase("노트북", 1)],
        [Shelf(1, "Oak Lamps", "lamps"), Shelf(2, "Clamps", "clamps")],
    )

    assert [p.text for p in words.beginning("lam")] == ["lamp shade", "lamp"]
    assert [p.text for p in words.beginning("ㅣㅁㅡ")] == ["lamp shade", "lamp"]
    # 노틉 is what an input method shows of 노트북 before its last key.
    assert [p.text for p in words.beginning("노틉")] == ["노트북"]
    assert [p.text for p in words.beginning("shxm")] == ["노트북"]
    assert words.beginning("x") == []
    assert [shelf.id for shelf in words.shelves_beginning("lam")] == [1]
