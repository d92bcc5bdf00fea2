"""What is offered while somebody types."""

from typing import TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from api.fields import Input, clean_query
from api.schema import operation
from api.shapes import MoneyJson
from api.v1.products import CategoryNameJson, cards_of
from api.v1.searching import CorrectionJson, correction_json
from api.views import PublicView, cacheable
from catalog import search
from catalog.texts import local

MOST_TEXTS = 10


class PieceJson(TypedDict):
    """A part of a text, and whether it was typed or is predicted."""

    text: str
    is_typed: bool


class PredictionJson(TypedDict):
    """A text to search for; its pieces make it up."""

    text: str
    pieces: list[PieceJson]


class SuggestedProductJson(TypedDict):
    """A product that fits; ask for it to know its stock."""

    id: int
    slug: str
    name: str
    price: MoneyJson
    thumbnail: str | None


class SuggestionsJson(TypedDict):
    """Texts, products and categories; ``correction`` if nothing begins as typed."""

    queries: list[PredictionJson]
    products: list[SuggestedProductJson]
    categories: list[CategoryNameJson]
    correction: CorrectionJson | None


class SuggestQuery(Input):
    q = serializers.CharField(max_length=100, help_text="What was typed so far.")
    limit = serializers.IntegerField(min_value=1, max_value=MOST_TEXTS, default=8)


SUGGEST_QUERY = SuggestQuery()


class SuggestView(PublicView):
    """Help with typing."""

    cache_control = "public, max-age=60"

    @operation(
        "search_suggest",
        "Suggest searches",
        query=SUGGEST_QUERY,
        reply={200: SuggestionsJson},
    )
    def get(self, request: Request) -> HttpResponse:
        """Offer texts to search for, products and categories for a beginning.

        A beginning that nothing goes on from is taken for a slip of the fingers or of
        the keyboard's layout. Two letters are needed.
        """
        asked = clean_query(SUGGEST_QUERY, request)
        found = search.suggest(asked["q"], limit=asked["limit"])
        body: SuggestionsJson = {
            "queries": [
                {
                    "text": prediction.text,
                    "pieces": [
                        {"text": text, "is_typed": is_typed}
                        for text, is_typed in prediction.pieces
                    ],
                }
                for prediction in found.queries
            ],
            "products": _products(found.product_ids),
            "categories": [
                {"id": one.id, "name": local(one.name), "slug": one.slug}
                for one in found.categories
            ],
            "correction": correction_json(found.correction),
        }
        return cacheable(request, body)


def _products(product_ids: tuple[int, ...]) -> list[SuggestedProductJson]:
    cards = cards_of(product_ids)
    return [
        {
            "id": card["id"],
            "slug": card["slug"],
            "name": card["name"],
            "price": card["price"],
            "thumbnail": card["thumbnail"],
        }
        for card in map(cards.get, product_ids)
        if card is not None
    ]
