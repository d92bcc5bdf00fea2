"""How somebody can be recognised in a text, and how they are taken out of it."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

# Stands where somebody stood.
GONE = "[erased]"
# A shorter word of plain letters may well be a part of another one.
SHORTEST = 5
_ENOUGH_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Traces:
    """The words that lead to one person: addresses, names, numbers of phones."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> "Traces":
        """Keep what is long enough to mean one person; the longest come first."""
        kept = {word.strip() for word in words if _tells(word.strip())}
        return cls(tuple(sorted(kept, key=lambda word: (-len(word), word))))

    def forms(self) -> list[str]:
        """Return the words as they stand in texts, and in JSON that is plain ASCII."""
        escaped = [json.dumps(word)[1:-1] for word in self.words]
        return list(dict.fromkeys([*self.words, *escaped]))

    def within(self, *fields: str) -> Q:
        """Return the condition that one of the words is in one of the fields."""
        found = Q(pk__in=[])
        for field in fields:
            for word in self.forms():
                found |= Q(**{f"{field}__icontains": word})
        return found

    def without(self, text: str) -> str:
        """Return a text with ``[erased]`` where it names this person."""
        if not self.words:
            return text
        named = "|".join(re.escape(word) for word in self.forms())
        return re.sub(named, GONE, text, flags=re.IGNORECASE)


def _tells(word: str) -> bool:
    if not word:
        return False
    digits = sum(letter.isdigit() for letter in word)
    is_number = not any(letter.isalpha() for letter in word)
    if is_number:
        return digits >= _ENOUGH_DIGITS
    # Three syllables are a whole name in Korean.
    return len(word) >= (SHORTEST if word.isascii() else SHORTEST - 2)
