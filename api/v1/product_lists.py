"""Lists of products: searched, filtered, sorted, in pages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from api.errors import CursorInvalid
from api.fields import MAX_BIGINT, clean_query
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.schema import operation
from api.shapes import TotalJson
from api.sparse import MOST_COUNTED, Names, counted, wants_total
from api.v1.products import (
    ProductCardJson,
    card,
    cards_of,
    cards_sql,
    family_of,
    read,
    read_prepared,
)
from api.v1.searching import (
    AttributesField,
    CorrectionJson,
    FacetsJson,
    correction_json,
    facets_json,
)
from api.views import PublicView, cacheable
from catalog import search
from catalog.search import MOST_HITS, Asked, Found, Sort

RELEVANCE = "relevance"


# Reads no more rows than it may count.
COUNT_SQL = """
    SELECT count(*) FROM (
        SELECT FROM catalog_product AS product
          LEFT JOIN inventory_stock AS stock ON stock.product_id = product.id
         WHERE {condition} LIMIT %(most)s
    ) AS hit
"""


class Keyset(NamedTuple):
    """An order of the list, the index behind it, and where a page of it begins."""

    order: str
    after: str
    kind: type


SORTS = {
    "newest": Keyset(
        "product.created_at DESC, product.id DESC",
        "(product.created_at, product.id) < (%(after)s, %(after_id)s)",
        str,
    ),
    "price": Keyset(
        "product.price, product.id",
        "(product.price, product.id) > (%(after)s, %(after_id)s)",
        int,
    ),
    "-price": Keyset(
        "product.price DESC, product.id DESC",
        "(product.price, product.id) < (%(after)s, %(after_id)s)",
        int,
    ),
}


class ProductsJson(TotalJson):
    """A page, what else was looked for, and the facets if they were asked for."""

    items: list[ProductCardJson]
    next: str | None
    previous: str | None
    correction: CorrectionJson | None
    facets: FacetsJson | None


class ProductQuery(PageQuery):
    q = serializers.CharField(
        max_length=100,
        required=False,
        help_text=(
            'Words to search for; also `"a phrase"`, `-not this`, `this or that`. '
            "What has no hits is corrected."
        ),
    )
    category = serializers.CharField(
        max_length=100, required=False, help_text="The slug; shelves below it count."
    )
    price_min = serializers.IntegerField(
        min_value=0, max_value=MAX_BIGINT, required=False, help_text="In minor units."
    )
    price_max = serializers.IntegerField(
        min_value=0, max_value=MAX_BIGINT, required=False, help_text="In minor units."
    )
    rating_min = serializers.IntegerField(min_value=1, max_value=5, required=False)
    in_stock = serializers.BooleanField(required=False)
    on_sale = serializers.BooleanField(required=False, help_text="Reduced ones only.")
    attributes = AttributesField(
        max_length=300,
        required=False,
        help_text="Of the options, e.g. `colour:red,blue;size:M`.",
    )
    sort = serializers.ChoiceField(
        [RELEVANCE, *SORTS],
        required=False,
        help_text="By relevance if there is a ``q``, else the newest first.",
    )
    include = Names(("facets", "total"), help_text="What else to count.")


PRODUCT_QUERY = ProductQuery()


class ProductListView(PublicView):
    """The products on sale."""

    @operation(
        "products_list",
        "List products",
        query=PRODUCT_QUERY,
        reply={200: ProductsJson},
    )
    def get(self, request: Request) -> HttpResponse:
        """List products, filtered and sorted, with their exact stock.

        Ranks by relevance, and facets, may be a minute old.
        """
        asked = clean_query(PRODUCT_QUERY, request)
        asked.setdefault("sort", RELEVANCE if asked.get("q") else "newest")
        list_page = _ranked_page if asked["sort"] == RELEVANCE else _sorted_page
        body = list_page(request, asked, _wishes(asked))
        return cacheable(request, body, link_header(body))


def _wishes(asked: dict[str, Any]) -> Asked:
    category = asked.get("category")
    return Asked(
        text=asked.get("q", ""),
        category_ids=frozenset(family_of(category)) if category else frozenset(),
        price_min=asked.get("price_min"),
        price_max=asked.get("price_max"),
        rating_min=asked.get("rating_min"),
        in_stock=asked.get("in_stock", False),
        on_sale=asked.get("on_sale", False),
        attributes=asked.get("attributes", {}),
        facets="facets" in asked.get("include", ()),
    )


def _ranked_page(
    request: Request, asked: dict[str, Any], wishes: Asked
) -> dict[str, Any]:
    limit = asked["limit"]
    position = decode_cursor(asked.get("cursor"), str, int)
    if position and (position[0] != RELEVANCE or not 0 < position[1] < MOST_HITS):
        raise CursorInvalid
    first = position[1] if position else 0
    found = search.find(replace(wishes, offset=first, limit=limit + 1))
    cards = cards_of(found.product_ids)
    body = page(
        request,
        found.product_ids,
        limit,
        cursor_of=lambda _: encode_cursor(RELEVANCE, first + limit),
        render=cards.get,
    )
    # One may have been taken off sale since the ranks were made.
    body["items"] = [item for item in body["items"] if item]
    if wants_total(request):
        body |= {"total": found.count, "is_total_exact": not found.is_capped}
    return body | _help(found)


def _sorted_page(
    request: Request, asked: dict[str, Any], wishes: Asked
) -> dict[str, Any]:
    sort = asked["sort"]
    position = decode_cursor(asked.get("cursor"), str, SORTS[sort].kind, int)
    rows = _sorted_rows(asked, wishes, position)
    found = None
    if wishes.facets or (wishes.text and not rows):
        # Past the first page nothing is counted as a search in vain once more.
        offset = 1 if position else 0
        found = search.find(replace(wishes, sort=Sort(sort), offset=offset, limit=1))
        if found.correction:
            wishes = replace(wishes, text=found.correction.used)
            rows = _sorted_rows(asked, wishes, position)
    body = page(
        request,
        rows,
        asked["limit"],
        cursor_of=lambda row: _cursor(sort, row),
        render=card,
    )
    if wants_total(request):
        body |= counted(_count(wishes))
    return body | _help(found)


def _count(wishes: Asked) -> int:
    hits = search.restriction(wishes)
    if hits is None:
        return 0
    params = hits.params | {"most": MOST_COUNTED + 1}
    [(number,)] = read(COUNT_SQL.format(condition=hits.sql), params)
    return int(number)


def _sorted_rows(
    asked: dict[str, Any], wishes: Asked, position: list[Any] | None
) -> list[tuple[Any, ...]]:
    hits = search.restriction(wishes)
    if hits is None:
        return []
    sort = SORTS[asked["sort"]]
    params = hits.params | {"rows": asked["limit"] + 1}
    condition = hits.sql
    if position:
        params |= {"after": _moment(position, asked["sort"]), "after_id": position[2]}
        condition = f"{condition} AND {sort.after}"
    sql = f"{cards_sql()} WHERE {condition} ORDER BY {sort.order} LIMIT %(rows)s"
    # How many a price or a word leaves, and so the best plan, differs by its value.
    has_values = "%(" in hits.sql
    return read(sql, params) if has_values else read_prepared(sql, params)


def _help(found: Found | None) -> dict[str, Any]:
    return {
        "correction": correction_json(found.correction if found else None),
        "facets": facets_json(found) if found and found.facets else None,
    }


def _moment(position: list[Any], sort: str) -> Any:
    if position[0] != sort:
        raise CursorInvalid
    if sort != "newest":
        return position[1]
    try:
        moment = datetime.fromisoformat(position[1])
    except ValueError:
        raise CursorInvalid from None
    if moment.tzinfo is None:
        raise CursorInvalid
    return moment


def _cursor(sort: str, row: Sequence[Any]) -> str:
    key = row[11] if sort == "newest" else row[4]
    return encode_cursor(sort, key, row[0])
