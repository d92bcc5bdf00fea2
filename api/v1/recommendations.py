"""Products that fit a product or a person, each with the reason why."""

from collections.abc import Sequence
from typing import TypedDict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import picks, privacy, pseudonyms
from analytics.picks import Audience, Pick
from analytics.reasons import reason_text
from api.fields import Input, clean_query
from api.schema import operation
from api.typing import AuthenticatedRequest
from api.v1.products import ProductCardJson, cards_of
from api.views import GuestView, PersonalView
from catalog.errors import ProductNotFound
from catalog.models import Product

LIMIT = 10


class ReasonJson(TypedDict):
    """Why a product is in the list: a stable code, and a sentence to be shown.

    ``count`` are orders, shoppers or units; ``name`` is a product or a category.
    """

    code: str
    text: str
    count: int
    name: str


class RecommendationJson(TypedDict):
    """A product that is in stock, and why it is recommended."""

    product: ProductCardJson
    reason: ReasonJson


class RecommendationsJson(TypedDict):
    """The best first."""

    items: list[RecommendationJson]


class LimitQuery(Input):
    limit = serializers.IntegerField(min_value=1, max_value=24, default=LIMIT)


LIMIT_QUERY = LimitQuery()


class RelatedView(GuestView):
    """What goes with a product."""

    cache_control = "public, max-age=300"

    @operation(
        "products_related",
        "List related products",
        query=LIMIT_QUERY,
        reply={200: RecommendationsJson},
    )
    def get(self, request: Request, product_id: int) -> Response:
        """List what was bought or looked at together with it, then its category."""
        limit = clean_query(LIMIT_QUERY, request)["limit"]
        found = picks.related([product_id], _audience(request)[0])
        if not found and not Product.objects.on_sale().filter(pk=product_id).exists():
            raise ProductNotFound
        return Response(_body(picks.varied(found, limit)))


class RecommendationsView(GuestView):
    """What fits somebody."""

    cache_control = "private, max-age=60"

    @operation(
        "recommendations_list",
        "List recommendations",
        query=LIMIT_QUERY,
        reply={200: RecommendationsJson},
    )
    def get(self, request: Request) -> Response:
        """List what fits the user's orders, cart and visits, or what is popular.

        Empty for who turned recommendations off.
        """
        limit = clean_query(LIMIT_QUERY, request)["limit"]
        audience, wants = _audience(request)
        if not wants:
            return Response(_body([]))
        found = picks.for_you(audience, limit) or picks.popular(audience, limit)
        return Response(_body(found))


class DismissedView(PersonalView):
    """A product that the user does not want to be shown."""

    @operation(
        "recommendations_dismiss", "Do not recommend a product", reply={204: None}
    )
    def put(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Leave a product out of all lists of this user, from now on."""
        privacy.dismiss(user_id=request.user.pk, product_id=product_id)
        return Response(status=204)

    @operation(
        "recommendations_undismiss", "Recommend a product again", reply={204: None}
    )
    def delete(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Take it back; one that was not left out is fine."""
        privacy.undo_dismissal(user_id=request.user.pk, product_id=product_id)
        return Response(status=204)


def _audience(request: Request) -> tuple[Audience, bool]:
    """Return whom a list is for, and whether they want any that is about them."""
    if not request.user.is_authenticated:
        return Audience(), True
    user_id = request.user.pk
    choices = privacy.choices_of(user_id)
    actor = pseudonyms.of_user(user_id) if choices.consents else None
    wants = choices.wants_recommendations
    clever = wants and not pseudonyms.is_plain(actor)
    return Audience(user_id, actor, clever=clever), wants


def _body(found: Sequence[Pick]) -> RecommendationsJson:
    cards = cards_of([pick.id for pick in found])
    return {
        "items": [
            {
                "product": cards[pick.id],
                "reason": {
                    "code": pick.why,
                    "text": reason_text(pick),
                    "count": pick.number,
                    "name": pick.name,
                },
            }
            for pick in found
            if pick.id in cards
        ]
    }
