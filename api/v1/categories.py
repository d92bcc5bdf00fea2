"""The shelves of the shop: as a tree, and one by one."""

from collections.abc import Iterator
from typing import TypedDict

from django.http import HttpResponse
from rest_framework.request import Request

from api.schema import operation
from api.v1.products import CategoryNameJson, read
from api.views import PublicView, cacheable
from catalog.errors import CategoryNotFound
from catalog.texts import local

TREE_SQL = """
    SELECT category.id, parent_id, category.name, slug, coalesce(shelf.products, 0)
      FROM catalog_category AS category
      LEFT JOIN (SELECT category_id, count(*) AS products FROM catalog_product
                  WHERE published_at <= now() GROUP BY category_id) AS shelf
        ON shelf.category_id = category.id
     ORDER BY position, category.id
"""


class CategoryJson(TypedDict):
    """A shelf, and the shelves in it; ``products`` are on sale there or below."""

    id: int
    name: str
    slug: str
    products: int
    children: list["CategoryJson"]


class CategoryDetailJson(CategoryJson):
    """A shelf, with the way to it from the shop; it stands at the end itself."""

    breadcrumbs: list[CategoryNameJson]


class CategoriesJson(TypedDict):
    """The shelves that stand directly in the shop."""

    items: list[CategoryJson]


class CategoryListView(PublicView):
    """All shelves."""

    cache_control = "public, max-age=300"

    @operation("categories_list", "List categories", reply={200: CategoriesJson})
    def get(self, request: Request) -> HttpResponse:
        """List all categories, as a tree."""
        body: CategoriesJson = {"items": _tree()}
        return cacheable(request, body)


class CategoryView(PublicView):
    """One shelf."""

    cache_control = "public, max-age=300"

    @operation(
        "categories_retrieve", "Show a category", reply={200: CategoryDetailJson}
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        """Show a category with all below it, how much is there, and what is above."""
        for path in _paths(_tree()):
            if path[-1]["slug"] == slug:
                body: CategoryDetailJson = {
                    **path[-1],
                    "breadcrumbs": [_named(one) for one in path],
                }
                return cacheable(request, body)
        raise CategoryNotFound


def _tree() -> list[CategoryJson]:
    below: dict[int | None, list[CategoryJson]] = {}
    for category_id, parent_id, name, slug, products in read(TREE_SQL, {}):
        shelf: CategoryJson = {
            "id": category_id,
            "name": local(name),
            "slug": slug,
            "products": products,
            "children": below.setdefault(category_id, []),
        }
        below.setdefault(parent_id, []).append(shelf)
    top = below.get(None, [])
    for shelf in top:
        _count(shelf)
    return top


def _count(shelf: CategoryJson) -> int:
    shelf["products"] += sum(map(_count, shelf["children"]))
    return shelf["products"]


def _paths(
    shelves: list[CategoryJson], above: tuple[CategoryJson, ...] = ()
) -> Iterator[tuple[CategoryJson, ...]]:
    for shelf in shelves:
        path = (*above, shelf)
        yield path
        yield from _paths(shelf["children"], path)


def _named(shelf: CategoryJson) -> CategoryNameJson:
    return {"id": shelf["id"], "name": shelf["name"], "slug": shelf["slug"]}
