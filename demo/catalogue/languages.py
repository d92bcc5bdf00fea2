"""What the demo's catalogue says in other languages, a folder for each of them."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from demo.catalogue import FOLDER, Article, categories

# Short names of all kinds; the other files are named after those of the catalogue.
WORDS = "words.toml"
CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that is said in one language."""

    # By SKU, without the number of the colour.
    products: dict[str, dict[str, str]]
    # By the same in the shop's own language.
    phrases: dict[str, str]

    def name(self, article: Article) -> str:
        """Return what an article is called."""
        name = self._of(article)["name"]
        if article.colour is None:
            return name
        return f"{name}, {self.phrases[article.colour].lower()}"

    def text(self, article: Article) -> str:
        """Return how an article is described."""
        return self._of(article)["text"]

    def _of(self, article: Article) -> dict[str, str]:
        return self.products[article.model]


def languages() -> list[str]:
    """Return the codes of the languages that there are words in."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{WORDS}"))


@cache
def words(language: str) -> Words:
    """Return all that is said in a language."""
    products: dict[str, dict[str, str]] = {}
    slugs: dict[str, str] = {}
    for path in sorted((FOLDER / language).glob("[0-9]*.toml")):
        entries = _read(path)
        slugs |= entries.pop(CATEGORIES)
        products |= entries
    phrases = _category_names(slugs)
    for part in _read(FOLDER / language / WORDS).values():
        phrases |= part
    return Words(products, phrases)


def _category_names(by_slug: dict[str, str]) -> dict[str, str]:
    tops = {top.name: by_slug[top.slug] for top in categories()}
    shelves = (shelf for top in categories() for shelf in top.shelves)
    return tops | {shelf.name: by_slug[shelf.slug] for shelf in shelves}


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
