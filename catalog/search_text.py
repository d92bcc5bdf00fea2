"""From what a shopper typed to a query PostgreSQL runs; pure text, no database.

The syntax is that of web searches: ``"a phrase"``, ``-not this``, ``this or that``.
Nothing typed is an error: what means nothing is left out.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.keyboards import keystrokes

MAX_LENGTH = 100
# Enough for the longest product name, and no more work than that.
MAX_WORDS = 12
# A word that may go on is looked for from so many letters on; a syllable of Hangul is
# written with two to four of them.
PREFIX_LETTERS = 3
# Too common to narrow anything, unless there is nothing else.
# fmt: off
STOP_WORDS = frozenset({
    "a", "an", "and", "at", "by", "for", "from", "in", "is", "it", "of", "on", "or",
    "the", "this", "to", "with", "you", "your",
    "в", "для", "до", "и", "из", "к", "на", "о", "от", "по", "с", "со", "у",  # noqa: RUF001 — Cyrillic it is
})
# fmt: on
_TOKEN = re.compile(r'-?"[^"]*"?|[^\s"]+')
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
Synonyms = Mapping[tuple[str, ...], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase, or several words that stand for the same as others."""

    words: tuple[str, ...]
    is_excluded: bool = False
    is_phrase: bool = False
    # Whether the last word may go on.
    is_open: bool = False
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextQuery:
    """SQL expressions of type tsquery, and what stands for their placeholders.

    ``ranks`` are added up: the words as typed, and what they may go on to or be
    replaced by. In one query PostgreSQL would take a word and its beginning for the
    same, and count only one of them.
    """

    sql: str
    ranks: tuple[str, ...]
    params: Mapping[str, str]


def clean(text: str) -> str:
    """Return the text as it is searched for: in one line, composed, not too long."""
    composed = unicodedata.normalize("NFC", text[: 4 * MAX_LENGTH])
    printable = "".join(letter if letter.isprintable() else " " for letter in composed)
    return " ".join(printable.split())[:MAX_LENGTH].strip()


def to_query(text: str, synonyms: Synonyms) -> TextQuery | None:
    """Return the query for a text, or ``None`` if there is no word in it."""
    groups = [_widen(group, synonyms) for group in parse(text)]
    if not groups:
        return None
    params: dict[str, str] = {}
    as_typed = _query_sql(groups, params, _typed_sql)
    widened = _query_sql(groups, params, _widened_sql)
    return TextQuery(
        sql=_query_sql(groups, params, _term_sql),
        ranks=(as_typed,) if as_typed == widened else (as_typed, widened),
        params={name: value for value, name in params.items()},
    )


def parse(text: str) -> list[list[Term]]:
    """Return alternatives of terms that must all hold."""
    groups: list[list[Term]] = [[]]
    tokens = _TOKEN.findall(text)[:MAX_WORDS]
    for place, token in enumerate(tokens):
        is_last = place == len(tokens) - 1
        if token.casefold() == "or" and groups[-1] and not is_last:
            groups.append([])
        elif term := _term(token, is_last=is_last):
            groups[-1].append(term)
    return [_essential(group) for group in groups if group]


def _term(token: str, *, is_last: bool) -> Term | None:
    is_excluded = token.startswith("-") and len(token) > 1
    is_phrase = '"' in token
    # Quotes and backslashes mean something to tsquery, and nothing to a shopper.
    bare = re.sub(r"[\"'\\]", " ", token.lstrip("-")).casefold()
    words = tuple(bare.split())
    if not any(letter.isalnum() for letter in bare):
        return None
    is_open = not is_phrase and not is_excluded and _may_go_on(words[-1], is_last)
    return Term(
        words if is_phrase else (" ".join(words),),
        is_excluded=is_excluded,
        is_phrase=is_phrase,
        is_open=is_open,
    )


def _may_go_on(word: str, is_last: bool) -> bool:  # noqa: FBT001 — private
    # Korean particles stick to their noun, so any Hangul word may.
    if _HANGUL.search(word):
        return len(keystrokes(word)) >= PREFIX_LETTERS
    return is_last and len(word) >= PREFIX_LETTERS


def _essential(group: list[Term]) -> list[Term]:
    wanted = [term for term in group if not term.is_excluded]
    if not wanted:
        # Everything but something is no search: the sign was a slip.
        return [Term(term.words, is_phrase=term.is_phrase) for term in group]
    telling = [term for term in wanted if not _is_stop_word(term)]
    if not telling:
        return group
    return [term for term in group if term.is_excluded or term in telling]


def _is_stop_word(term: Term) -> bool:
    return not term.is_phrase and term.words[0] in STOP_WORDS


def _widen(group: list[Term], synonyms: Synonyms) -> list[Term]:
    """Join the words that are known to mean the same as others."""
    widened: list[Term] = []
    rest = group
    while rest:
        term, taken = _longest(rest, synonyms)
        widened.append(term)
        rest = rest[taken:]
    return widened


def _longest(terms: list[Term], synonyms: Synonyms) -> tuple[Term, int]:
    plain = list(_plain_run(terms))
    for taken in range(len(plain), 0, -1):
        words = tuple(plain[:taken])
        if others := synonyms.get(words):
            last = terms[taken - 1]
            return Term(words, is_open=last.is_open, synonyms=tuple(others)), taken
    return terms[0], 1


def _plain_run(terms: Iterable[Term]) -> Iterable[str]:
    for term in terms:
        if term.is_excluded or term.is_phrase:
            return
        yield term.words[0]


def _query_sql(
    groups: Sequence[Sequence[Term]],
    params: dict[str, str],
    term_sql: Callable[[Term, dict[str, str]], str],
) -> str:
    alternatives = (
        " && ".join(
            f"!!({term_sql(term, params)})"
            if term.is_excluded
            else f"({term_sql(term, params)})"
            for term in group
        )
        for group in groups
    )
    return " || ".join(f"({group})" for group in alternatives)


def _term_sql(term: Term, params: dict[str, str]) -> str:
    return f"{_widened_sql(term, params)} || ({_typed_sql(term, params)})"


def _typed_sql(term: Term, params: dict[str, str]) -> str:
    """Look for the words of a term as they are, and by their stems."""
    return " && ".join(
        f"({_lexemes('simple', word, params)} || {_lexemes('shop', word, params)})"
        for word in _parts(term)
    )


def _widened_sql(term: Term, params: dict[str, str]) -> str:
    """Look for what begins with the last word of a term, and for its synonyms."""
    if not term.is_open and not term.synonyms:
        return _typed_sql(term, params)
    *words, last = _parts(term)
    own = [f"{_lexemes('simple', word, params)}" for word in words]
    own.append(_lexemes("simple", last, params, is_open=term.is_open))
    others = [_lexemes("shop", synonym, params) for synonym in term.synonyms]
    return " || ".join([f"({' && '.join(own)})", *others])


def _parts(term: Term) -> Sequence[str]:
    return (" ".join(term.words),) if term.is_phrase else term.words


def _lexemes(
    config: str, text: str, params: dict[str, str], *, is_open: bool = False
) -> str:
    # In quotes the text is data to the parser of tsquery, whatever it contains.
    value = f"'{text}':*" if is_open else f"'{text}'"
    name = params.setdefault(value, f"word{len(params)}")
    return f"to_tsquery('{config}', %({name})s)"
