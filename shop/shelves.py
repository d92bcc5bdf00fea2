"""The category tree as the pages walk it: read seldom, shown on every page."""

from dataclasses import dataclass, replace

from django.conf import settings

from catalog.models import Category
from catalog.texts import local
from common.languages import reader_language
from common.memo import Memo


@dataclass(frozen=True)
class Shelf:
    """A category with what hangs above and below it."""

    id: int
    name: str
    slug: str
    path: tuple["Shelf", ...]
    # The ids of this category and of all below it.
    family: frozenset[int]
    children: tuple["Shelf", ...]


# A renamed category shows within a minute; nothing is decided on it.
_tree: Memo[str, tuple[Shelf, ...]] = Memo(seconds=60, size=len(settings.LANGUAGES))


def top_shelves() -> tuple[Shelf, ...]:
    """Return the categories that stand directly in the shop."""
    return _tree.get_or_make(reader_language(), _load)


def find_shelf(slug: str) -> Shelf | None:
    """Return the category of that slug at any depth."""
    return _find(top_shelves(), slug)


def find_shelf_by_id(category_id: int) -> Shelf | None:
    """Return the category of that id at any depth."""
    top = (shelf for shelf in top_shelves() if category_id in shelf.family)
    shelf = next(top, None)
    while shelf is not None and shelf.id != category_id:
        shelf = next((one for one in shelf.children if category_id in one.family), None)
    return shelf


def trail(shelf: Shelf | None) -> tuple[Shelf, ...]:
    """Return the categories from the shop down to a shelf, itself among them."""
    return (*shelf.path, shelf) if shelf else ()


def _find(shelves: tuple[Shelf, ...], slug: str) -> Shelf | None:
    for shelf in shelves:
        if shelf.slug == slug:
            return shelf
        if (found := _find(shelf.children, slug)) is not None:
            return found
    return None


def _load() -> tuple[Shelf, ...]:
    rows = Category.objects.order_by("position", "id").values_list(
        "id", "parent_id", "name", "slug"
    )
    below: dict[int | None, list[tuple[int, str, str]]] = {}
    for category_id, parent_id, name, slug in rows:
        below.setdefault(parent_id, []).append((category_id, name, slug))
    return _build(below, parent_id=None, path=())


def _build(
    below: dict[int | None, list[tuple[int, str, str]]],
    *,
    parent_id: int | None,
    path: tuple[Shelf, ...],
) -> tuple[Shelf, ...]:
    shelves = []
    for category_id, name, slug in below.get(parent_id, []):
        stub = Shelf(category_id, local(name), slug, path, frozenset(), ())
        children = _build(below, parent_id=category_id, path=(*path, stub))
        family = frozenset({category_id}).union(*(child.family for child in children))
        shelves.append(replace(stub, family=family, children=children))
    return tuple(shelves)
