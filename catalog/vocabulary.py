"""The words of the catalogue: what a slip of the fingers may have meant.

Words are compared as the keys that write them, so that a wrong letter within a
syllable of Hangul is one wrong letter, and a wrong layout none.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from itertools import product
from math import log1p
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from catalog.keyboards import are_initials, initials, keystrokes, other_layouts
from catalog.search_text import STOP_WORDS

# What is offered is at least so long, or everything is close to everything.
SHORTEST = 3
# How many letters may be wrong in words from a length on.
MISTAKES = ((3, 1), (5, 2), (9, 3))
# Corrections of one word that are tried, and of a whole text.
PER_WORD, PER_TEXT = 3, 4
_CLOSE = 40
# The costs of what is no typing error, in wrong letters.
_LAYOUT, _INITIALS, _BEGUN, _SPACE, _OTHER_START = 0.2, 0.3, 0.7, 1.1, 0.5
# Swapped letters are all there: likelier than any other slip.
_SWAPPED = 0.8


class Word(NamedTuple):
    """A word, how many products have it, and whether one has it in its name."""

    text: str
    products: int
    is_name: bool


class Phrase(NamedTuple):
    """Words that stand together in names, and how much they are wanted."""

    text: str
    score: float


class Shelf(NamedTuple):
    """A category, as it is offered."""

    id: int
    name: str
    slug: str


@dataclass(frozen=True)
class Vocabulary:
    """What the catalogue is written with."""

    words: Sequence[Word]
    phrases: Sequence[Phrase] = ()
    shelves: Sequence[Shelf] = ()

    def prepare(self) -> None:
        """Make now what the first searches would wait for; it is kept with the rest."""
        for name, part in vars(type(self)).items():
            if isinstance(part, cached_property):
                getattr(self, name)

    def corrections(self, text: str) -> list[str]:
        """Return what else a text without hits may have meant, the likeliest first."""
        tokens = text.split()
        choices = [self._choices(token) for token in tokens]
        found = [self._joined(tokens)]
        if any(options != [(0.0, token)] for token, options in _pairs(tokens, choices)):
            ranked = sorted(product(*choices), key=lambda each: sum(c for c, _ in each))
            found += [" ".join(word for _, word in each) for each in ranked[:PER_TEXT]]
        known = dict.fromkeys(each for each in found if each and each != text)
        return list(known)[:PER_TEXT]

    def knows(self, word: str) -> bool:
        """Tell whether there is such a word in the catalogue."""
        return word in self._by_text or word in STOP_WORDS

    def closest(self, word: str) -> list[tuple[float, str]]:
        """Return what a word may have meant, with how far off it is."""
        best: dict[str, float] = {}
        for cost, meant in self._guesses(word):
            best[meant] = min(cost, best.get(meant, cost))
        return nsmallest(
            PER_WORD,
            ((cost - self._weight(meant), meant) for meant, cost in best.items()),
        )

    def beginning(self, text: str) -> list[Phrase]:
        """Return the phrases that go on from a text, the most wanted first."""
        for form in (_form(text), *other_layouts(text)):
            if found := self._beginning(form):
                return found
        return []

    def shelves_beginning(self, text: str) -> list[Shelf]:
        """Return the categories with a word in their name that goes on from a text."""
        for form in (_form(text), *other_layouts(text)):
            found = [
                shelf
                for shelf, name in zip(self.shelves, self._shelf_forms, strict=True)
                if f" {form}" in f" {name}"
            ]
            if found:
                # Known by several names, in several languages, it is still one.
                return list({shelf.id: shelf for shelf in found}.values())
        return []

    def _choices(self, token: str) -> list[tuple[float, str]]:
        bare = token.strip('"-').casefold()
        if self.knows(bare) or not any(letter.isalpha() for letter in bare):
            return [(0.0, token)]
        return self.closest(bare) or [(0.0, token)]

    def _joined(self, tokens: Sequence[str]) -> str | None:
        """Return the text with two of its words as one, as the catalogue has it."""
        for place in range(len(tokens) - 1):
            joined = (tokens[place] + tokens[place + 1]).casefold()
            if joined in self._by_text:
                return " ".join([*tokens[:place], joined, *tokens[place + 2 :]])
        return None

    def _guesses(self, word: str) -> Iterator[tuple[float, str]]:
        for form in other_layouts(word):
            for meant in self._by_form.get(form, ()):
                yield _LAYOUT, meant
            yield from self._begun(form, _LAYOUT + _BEGUN)
        if are_initials(word):
            for meant in self._by_initials.get(word, ()):
                yield _INITIALS, meant
        yield from self._begun(_form(word), _BEGUN)
        yield from self._split(word)
        yield from self._mistyped(word)

    def _begun(self, form: str, cost: float) -> Iterator[tuple[float, str]]:
        if len(form) < SHORTEST:
            return
        for place in _range(self._sorted_forms, form):
            yield cost, self._sorted_words[place][1]

    def _split(self, word: str) -> Iterator[tuple[float, str]]:
        for place in range(2, len(word) - 1):
            parts = word[:place], word[place:]
            if all(self._is_name(part) for part in parts):
                yield _SPACE, " ".join(parts)

    def _mistyped(self, word: str) -> Iterator[tuple[float, str]]:
        form = _form(word)
        allowed = max((most for size, most in MISTAKES if len(form) >= size), default=0)
        if not allowed:
            return
        forms, words = self._of_script(word)
        close = process.extract(
            form, forms, scorer=OSA.distance, score_cutoff=allowed, limit=_CLOSE
        )
        for meant_form, distance, place in close:
            # Nobody misses half of a word, and nobody looks for "and".
            is_likely = distance * 2 < max(len(form), len(meant_form))
            if is_likely and words[place] not in STOP_WORDS:
                yield _slip_cost(form, meant_form, distance), words[place]

    def _weight(self, meant: str) -> float:
        """Return how much speaks for a word before it was typed; at most 0.4."""
        word = self._by_text.get(meant)
        if word is None:
            return 0.0
        return 0.2 * word.is_name + min(0.2, 0.03 * log1p(word.products))

    def _is_name(self, text: str) -> bool:
        word = self._by_text.get(text)
        return word is not None and word.is_name and len(text) >= _shortest(text)

    def _beginning(self, form: str) -> list[Phrase]:
        places = _range(self._phrase_forms, form)
        phrases = [self._sorted_phrases[place][1] for place in places]
        return sorted(phrases, key=lambda phrase: (-phrase.score, phrase.text))

    def _of_script(self, word: str) -> tuple[list[str], list[str]]:
        kind = _script(word)
        return self._forms_by_script.get(kind, ([], []))

    @cached_property
    def _by_text(self) -> dict[str, Word]:
        return {word.text: word for word in self.words}

    @cached_property
    def _by_form(self) -> dict[str, list[str]]:
        return _grouped((_form(word.text), word.text) for word in self.words)

    @cached_property
    def _by_initials(self) -> dict[str, list[str]]:
        pairs = ((initials(word.text), word.text) for word in self.words)
        return _grouped((key, text) for key, text in pairs if key != text)

    @cached_property
    def _sorted_words(self) -> list[tuple[str, str]]:
        return sorted((_form(word.text), word.text) for word in self.words)

    @cached_property
    def _sorted_forms(self) -> list[str]:
        return [form for form, _text in self._sorted_words]

    @cached_property
    def _sorted_phrases(self) -> list[tuple[str, Phrase]]:
        return sorted((_form(phrase.text), phrase) for phrase in self.phrases)

    @cached_property
    def _phrase_forms(self) -> list[str]:
        return [form for form, _phrase in self._sorted_phrases]

    @cached_property
    def _shelf_forms(self) -> list[str]:
        return [_form(shelf.name) for shelf in self.shelves]

    @cached_property
    def _forms_by_script(self) -> dict[str, tuple[list[str], list[str]]]:
        grouped: dict[str, tuple[list[str], list[str]]] = {}
        for word in self.words:
            if len(_form(word.text)) >= SHORTEST:
                forms, texts = grouped.setdefault(_script(word.text), ([], []))
                forms.append(_form(word.text))
                texts.append(word.text)
        return grouped


def phrases_of(names: Iterable[tuple[str, float]], *, most: int) -> list[Phrase]:
    """Return the words of names, one, two or three together, with what they weigh.

    ``names`` come with the popularity of their product.
    """
    scores: dict[str, float] = {}
    for name, popularity in names:
        words = [word.strip(".,:;!?()\"'").casefold() for word in name.split()]
        for start, length in product(range(len(words)), (1, 2, 3)):
            run = words[start : start + length]
            if len(run) == length and _is_phrase(run):
                text = " ".join(run)
                scores[text] = scores.get(text, 0.0) + 1 + log1p(popularity)
    phrases = [Phrase(text, score) for text, score in scores.items()]
    return nsmallest(most, phrases, key=lambda phrase: (-phrase.score, phrase.text))


def _is_phrase(run: Sequence[str]) -> bool:
    ends_well = run[0] not in STOP_WORDS and run[-1] not in STOP_WORDS
    # Numbers of series and models are no words.
    return ends_well and all(any(map(str.isalpha, word)) for word in run)


def _slip_cost(typed: str, meant: str, distance: float) -> float:
    unlike = 1 - JaroWinkler.similarity(typed, meant)
    if sorted(typed) == sorted(meant):
        return distance * _SWAPPED + unlike
    return distance + unlike + _OTHER_START * (typed[0] != meant[0])


def _form(text: str) -> str:
    return keystrokes(text.casefold()).casefold()


def _script(word: str) -> str:
    if word.isascii():
        return "latin"
    return "hangul" if keystrokes(word) != word else "other"


def _shortest(text: str) -> int:
    return 2 if keystrokes(text) != text else SHORTEST


def _range(forms: Sequence[str], start: str) -> range:
    end = bisect_left(forms, start + "\U0010ffff")
    return range(bisect_left(forms, start), end)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for key, text in pairs:
        grouped.setdefault(key, []).append(text)
    return grouped


def _pairs(
    tokens: Sequence[str], choices: Sequence[list[tuple[float, str]]]
) -> Iterator[tuple[str, list[tuple[float, str]]]]:
    return zip(tokens, choices, strict=True)
