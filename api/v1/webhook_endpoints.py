"""Other systems that are told of what happens: their addresses, and what they got."""

from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from django.contrib.admin.models import ADDITION, DELETION
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Input, StrictBoolean, StrictText, clean, clean_query
from api.idempotency import once, once_silently
from api.pagination import PageQuery, newest_first
from api.schema import operation
from api.shapes import ListJson, PageJson
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.views import PersonalView, cacheable
from outbox.models import Dispatch
from webhooks import services as webhooks
from webhooks.models import Endpoint
from webhooks.selectors import deliveries, delivery_of, endpoint_of
from webhooks.topics import CHOICES

MAY_VIEW = "webhooks.view_endpoint"
MAY_ADD = "webhooks.add_endpoint"
MAY_CHANGE = "webhooks.change_endpoint"
MAY_DELETE = "webhooks.delete_endpoint"
State = Literal["waiting", "delivered", "failed"]
STATES = ("waiting", "delivered", "failed")
EXAMPLE = {
    "url": "https://erp.example/hooks/shop",
    "topics": ["order.*", "product.changed"],
    "description": "The warehouse's system",
}


class WebhookEndpointJson(TypedDict):
    """An address that is told of events; its secret is not shown again.

    `disabled_because` says why nothing is sent, empty while something is. Until
    `old_secret_until` messages are signed with the secret before, too.
    """

    id: int
    url: str
    description: str
    topics: list[str]
    is_enabled: bool
    disabled_because: str
    old_secret_until: datetime | None
    created_at: datetime


class WebhookSecretJson(WebhookEndpointJson):
    """An endpoint with its secret, which is shown this once."""

    secret: str


class WebhookDeliveryJson(TypedDict):
    """An event on its way to an endpoint.

    `webhook_id` is what the receiver gets as `webhook-id`, the same with each attempt.
    A `failed` one was given up after days, or at once where the endpoint is gone.
    """

    id: int
    endpoint_id: int
    webhook_id: UUID
    type: str
    state: State
    attempts: int
    last_error: str
    occurred_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None


class EndpointInput(Input):
    """Where to, and what of."""

    url = StrictText(max_length=500, help_text="HTTPS, and no address of a network.")
    topics = serializers.ListField(
        child=serializers.ChoiceField(CHOICES), allow_empty=False, max_length=50
    )
    description = StrictText(required=False, max_length=200, allow_blank=True)


class EndpointChange(Input):
    """What changes of it."""

    url = StrictText(max_length=500, required=False)
    topics = serializers.ListField(
        child=serializers.ChoiceField(CHOICES),
        allow_empty=False,
        max_length=50,
        required=False,
    )
    description = StrictText(required=False, max_length=200, allow_blank=True)
    is_enabled = StrictBoolean(required=False)


class DeliveryQuery(PageQuery):
    state = serializers.ChoiceField(STATES, required=False)


ENDPOINT = EndpointInput()
CHANGE = EndpointChange()
DELIVERY_QUERY = DeliveryQuery()


class WebhookEndpointListView(PersonalView):
    """Everybody who is told."""

    @operation(
        "webhook-endpoints_list",
        "List webhook endpoints",
        reply={200: ListJson[WebhookEndpointJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List all addresses that are told of events; there are at most fifty."""
        demand(request, MAY_VIEW)
        found = Endpoint.objects.order_by("pk")
        body: ListJson[WebhookEndpointJson] = {
            "items": [endpoint_json(endpoint) for endpoint in found]
        }
        return Response(body)

    @operation(
        "webhook-endpoints_create",
        "Add a webhook endpoint",
        body=ENDPOINT,
        example=EXAMPLE,
        reply={201: WebhookSecretJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Tell another system of what happens from now on, signed.

        Messages are Standard Webhooks: `webhook-id`, `webhook-timestamp` and
        `webhook-signature` (`v1,` and HMAC-SHA256 by the `secret`, which is shown this
        once). Whatever is not answered with 2xx within eight seconds is sent again,
        after 5 seconds and then ever less often, for three days at least; 410 switches
        the endpoint off. Redirects are not followed.
        """
        demand(request, MAY_ADD)
        asked = clean(ENDPOINT, request)

        def create() -> WebhookSecretJson:
            made = webhooks.create(**asked)
            note(request, made, "added", flag=ADDITION)
            return {**endpoint_json(made), "secret": made.secret}

        place = "/api/v1/webhook-endpoints/{id}"
        return once(request, create, status=201, location=place)


class WebhookEndpointView(PersonalView):
    """One of them."""

    cache_control = "private, no-cache"

    @operation(
        "webhook-endpoints_retrieve",
        "Show a webhook endpoint",
        reply={200: WebhookEndpointJson},
    )
    def get(self, request: AuthenticatedRequest, endpoint_id: int) -> HttpResponse:
        """Show where messages go, what they are about, and whether they go at all."""
        demand(request, MAY_VIEW)
        return cacheable(request, endpoint_json(endpoint_of(endpoint_id)))

    @operation(
        "webhook-endpoints_update",
        "Change a webhook endpoint",
        body=CHANGE,
        example={"topics": ["order.paid"], "is_enabled": True},
        reply={200: WebhookEndpointJson},
        keyed="yes",
    )
    def patch(self, request: AuthenticatedRequest, endpoint_id: int) -> HttpResponse:
        """Send elsewhere or of something else, or switch it off and on.

        What happens while it is off is not sent later. What was given up can be
        replayed once it is on again.
        """
        demand(request, MAY_CHANGE)
        asked = clean(CHANGE, request)

        def change() -> WebhookEndpointJson:
            changed = webhooks.change(endpoint_id=endpoint_id, **asked)
            note(request, changed, ", ".join(sorted(asked)) or "nothing")
            return endpoint_json(changed)

        return once(request, change)

    @operation(
        "webhook-endpoints_delete",
        "Remove a webhook endpoint",
        reply={204: None},
        keyed="yes",
    )
    def delete(self, request: AuthenticatedRequest, endpoint_id: int) -> HttpResponse:
        """Tell it nothing any more; what was to be sent is dropped. Twice is fine."""
        demand(request, MAY_DELETE)

        def remove() -> None:
            endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
            if endpoint is not None:
                note(request, endpoint, "removed", flag=DELETION)
                webhooks.remove(endpoint_id=endpoint_id)

        return once_silently(request, remove)


class WebhookSecretView(PersonalView):
    """The secret that signs."""

    @operation(
        "webhook-endpoints_rotate-secret",
        "Give an endpoint a new secret",
        reply={201: WebhookSecretJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, endpoint_id: int) -> HttpResponse:
        """Replace the secret; for a day messages carry signatures of both."""
        demand(request, MAY_CHANGE)

        def rotate() -> WebhookSecretJson:
            fresh = webhooks.rotate_secret(endpoint_id=endpoint_id)
            note(request, fresh, "new secret")
            return {**endpoint_json(fresh), "secret": fresh.secret}

        return once(request, rotate, status=201)


class WebhookDeliveryListView(PersonalView):
    """What one of them was sent."""

    @operation(
        "webhook-endpoints_deliveries",
        "List an endpoint's deliveries",
        query=DELIVERY_QUERY,
        reply={200: PageJson[WebhookDeliveryJson]},
    )
    def get(self, request: AuthenticatedRequest, endpoint_id: int) -> Response:
        """List what was sent, is being tried or was given up, newest first."""
        demand(request, MAY_VIEW)
        asked = clean_query(DELIVERY_QUERY, request)
        endpoint = endpoint_of(endpoint_id)
        found = deliveries(endpoint)
        if state := asked.get("state"):
            found = found.filter(
                delivered_at__isnull=state != "delivered",
                dead_at__isnull=state != "failed",
            )
        return newest_first(
            request, found, asked, render=lambda one: delivery_json(one, endpoint)
        )


class WebhookReplayView(PersonalView):
    """Sending once more."""

    @operation(
        "deliveries_replay",
        "Send a delivery again",
        reply={202: WebhookDeliveryJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, delivery_id: int) -> HttpResponse:
        """Send it again at once, whatever became of it, with the same `webhook-id`."""
        demand(request, MAY_CHANGE)

        def replay() -> WebhookDeliveryJson:
            webhooks.replay(delivery_id=delivery_id)
            dispatch, endpoint = delivery_of(delivery_id)
            note(request, endpoint, f"delivery {delivery_id} again")
            return delivery_json(dispatch, endpoint)

        return once(request, replay, status=202)


def endpoint_json(endpoint: Endpoint) -> WebhookEndpointJson:
    return {
        "id": endpoint.pk,
        "url": endpoint.url,
        "description": endpoint.description,
        "topics": endpoint.topics,
        "is_enabled": endpoint.is_enabled,
        "disabled_because": endpoint.disabled_because,
        "old_secret_until": endpoint.old_secret_until,
        "created_at": endpoint.created_at,
    }


def delivery_json(dispatch: Dispatch, endpoint: Endpoint) -> WebhookDeliveryJson:
    """Render a dispatch whose event is read along with it."""
    state = _state(dispatch)
    return {
        "id": dispatch.pk,
        "endpoint_id": endpoint.pk,
        "webhook_id": dispatch.event.pk,
        "type": dispatch.event.topic,
        "state": state,
        "attempts": dispatch.attempts,
        "last_error": dispatch.last_error,
        "occurred_at": dispatch.event.occurred_at,
        "next_attempt_at": dispatch.next_attempt_at if state == "waiting" else None,
        "delivered_at": dispatch.delivered_at,
    }


def _state(dispatch: Dispatch) -> State:
    if dispatch.delivered_at is not None:
        return "delivered"
    return "waiting" if dispatch.dead_at is None else "failed"
