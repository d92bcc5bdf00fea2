"""Slips of the fingers and of the layout, made from the words of a catalogue."""

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

from catalog.vocabulary import Vocabulary, Word
from demo.catalogue import articles

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(r"[^\W_]+")


def demo_vocabulary() -> Vocabulary:
    """Return the words of the demo shop: its names first, then its descriptions."""
    names: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for article in articles():
        names.update(set(_WORD.findall(article.name.casefold())))
        texts.update(set(_WORD.findall(article.text.casefold())))
    words = [Word(text, count, is_name=True) for text, count in names.items()]
    words += [
        Word(text, n, is_name=False) for text, n in texts.items() if text not in names
    ]
    return Vocabulary([word for word in words if len(word.text) > 1])


def long_words(vocabulary: Vocabulary, *, least: int) -> list[str]:
    """Return the words of names that are long enough to be mistyped recognisably."""
    words = (word.text for word in vocabulary.words if word.is_name)
    return sorted(word for word in words if len(word) >= least and word.isalpha())


def typos(words: list[str], rng: Random) -> Iterator[tuple[str, str]]:
    """Yield each word with one slip: swapped, left out, doubled, or the next key."""
    slips = (_swapped, _left_out, _doubled, _next_key)
    for number, word in enumerate(words):
        yield slips[number % len(slips)](word, rng), word


def _swapped(word: str, rng: Random) -> str:
    at = rng.choice([n for n in range(len(word) - 1) if word[n] != word[n + 1]])
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _left_out(word: str, rng: Random) -> str:
    at = rng.randrange(1, len(word))
    return word[:at] + word[at + 1 :]


def _doubled(word: str, rng: Random) -> str:
    at = rng.randrange(len(word))
    return word[: at + 1] + word[at:]


def _next_key(word: str, rng: Random) -> str:
    at = rng.randrange(len(word))
    row = next((row for row in ROWS if word[at] in row), ROWS[0])
    place = max(row.find(word[at]), 0)
    near = [row[n] for n in (place - 1, place + 1) if 0 <= n < len(row)]
    return word[:at] + rng.choice(near) + word[at + 1 :]
