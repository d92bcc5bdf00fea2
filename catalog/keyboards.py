"""Which keys were struck: Hangul letter by letter, and layouts mistaken for others."""

from collections.abc import Iterator

_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_MEDIALS, _FINALS = 21, 28
# The Korean 2-set layout: the keys of each letter, in Unicode's order of letters.
_INITIAL_KEYS: list[str] = [*"rRseEfaqQtTdwWczxvg"]
# fmt: off
_MEDIAL_KEYS: list[str] = [
    "k", "o", "i", "O", "j", "p", "u", "P", "h", "hk", "ho", "hl", "y", "n", "nj",
    "np", "nl", "b", "m", "ml", "l",
]
_FINAL_KEYS: list[str] = [
    "", "r", "R", "rt", "s", "sw", "sg", "e", "f", "fr", "fa", "fq", "ft", "fx", "fv",
    "fg", "a", "q", "qt", "t", "T", "d", "w", "c", "z", "x", "v", "g",
]
# fmt: on
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_ENDINGS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_KEYS_OF_LETTER: dict[str, str] = (
    dict(zip(_ENDINGS, _FINAL_KEYS[1:], strict=True))
    | dict(zip(_VOWELS, _MEDIAL_KEYS, strict=True))
    | dict(zip(_INITIALS, _INITIAL_KEYS, strict=True))
)
_RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбюё"
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_TO_LATIN = str.maketrans(_RUSSIAN, _LATIN)
_TO_RUSSIAN = str.maketrans(_LATIN, _RUSSIAN)


def keystrokes(word: str) -> str:
    """Return the Latin letters on the keys that write a word; Latin stays as it is.

    노트북 is ``shxmqnr``. A syllable that is not complete yet is the beginning of
    what it will be, and one wrong letter in it is one wrong letter.
    """
    return "".join(_keys_of(letter) for letter in word)


def initials(word: str) -> str:
    """Return the first letter of each syllable; shoppers write 노트북 as ㄴㅌㅂ."""
    return "".join(
        _INITIALS[_place(letter) // (_MEDIALS * _FINALS)]
        if _is_syllable(letter)
        else letter
        for letter in word
    )


def are_initials(word: str) -> bool:
    """Tell whether a word is made of Hangul consonants alone."""
    return len(word) > 1 and all(letter in _INITIALS for letter in word)


def other_layouts(word: str) -> Iterator[str]:
    """Yield the keystrokes or letters of a word typed with another layout on.

    Latin letters may be Hangul, which is compared by its keystrokes, or Russian.
    """
    small = word.casefold()
    struck = keystrokes(word)
    if struck != word:
        yield struck.casefold()
    elif small.isascii():
        yield small
    if (russian := small.translate(_TO_RUSSIAN)) != small:
        yield russian
    if (latin := small.translate(_TO_LATIN)) != small:
        yield latin


def _is_syllable(letter: str) -> bool:
    return _FIRST_SYLLABLE <= ord(letter) <= _LAST_SYLLABLE


def _place(letter: str) -> int:
    return ord(letter) - _FIRST_SYLLABLE


def _keys_of(letter: str) -> str:
    if not _is_syllable(letter):
        return _KEYS_OF_LETTER.get(letter, letter)
    rest, final = divmod(_place(letter), _FINALS)
    initial, medial = divmod(rest, _MEDIALS)
    return _INITIAL_KEYS[initial] + _MEDIAL_KEYS[medial] + _FINAL_KEYS[final]
