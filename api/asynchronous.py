"""The AsyncAPI description of what comes without being asked for.

Three channels: the WebSocket of open pages and apps, the data platform's CloudEvents,
and the messages about products that go through RabbitMQ.
"""

from datetime import datetime
from functools import cache
from typing import Any, Literal, NotRequired, TypedDict

from django.conf import settings

from analytics.schemas import schema, schema_names
from api.described import INFO
from api.examples import example_of
from api.shaping import Known, Schema, schema_of, shapes
from catalog import broker, messages
from orders.models import OrderStatus

CLOUD_EVENTS = "application/cloudevents+json"
JSON = "application/json"
WITHIN_64_BITS = 2**63 - 1
# What the WebSocket takes at most in one subscription.
MOST_PRODUCTS, MOST_ORDERS = 50, 20


class ReadyData(TypedDict):
    """What was missed is sent: how much is unread, and where to go on next time."""

    unread: int
    cursor: int


class NotificationData(TypedDict):
    """News for this user; ``loud`` if it may pop up."""

    kind: str
    group: str
    title: str
    body: str
    url: str
    unread: int
    loud: bool


class OrderData(TypedDict):
    """How far an order has come; ``mark`` changes with all that its page shows."""

    number: str
    status: str
    mark: str


class StockData(TypedDict):
    """What of a product can be bought now; a higher ``version`` is later."""

    product_id: int
    available: int
    version: int
    price: int


class ErrorData(TypedDict):
    """What was wrong with a message; ``order`` is one that is not one's own."""

    code: Literal["invalid", "not_found", "try_again"]
    detail: NotRequired[str]
    order: NotRequired[str]


class Frame(TypedDict):
    """What every frame has; only a notification has an ``id``, the next ``after``."""

    id: int | None
    type: str
    at: datetime


class ReadyFrame(Frame):
    """Everything missed has been sent."""

    data: ReadyData


class NotificationFrame(Frame):
    """News came in."""

    data: NotificationData


class OrderFrame(Frame):
    """An order of one's own has changed."""

    data: OrderData


class StockFrame(Frame):
    """The stock or the price of a product has changed."""

    data: StockData


class ErrorFrame(Frame):
    """A message made no sense, or cannot be answered now."""

    data: ErrorData


class Subscription(TypedDict):
    """What is on the screen now; takes the place of what was said before."""

    type: Literal["subscribe"]
    products: NotRequired[list[int]]
    orders: NotRequired[list[str]]


class ProductChanged(TypedDict):
    """What a product is now."""

    type: Literal["product.changed"]
    product_id: int
    sku: str
    name: str
    price: int
    currency: str
    is_on_sale: bool
    version: int


class StockChanged(TypedDict):
    """What the stock of a product is now."""

    type: Literal["stock.changed"]
    product_id: int
    sku: str
    on_hand: int
    reserved: int
    available: int
    version: int


class ProductUpdate(TypedDict):
    """What another system says of a product: a price, a name, a count."""

    sku: str
    source: str
    source_version: int
    price: NotRequired[int]
    name: NotRequired[str]
    stock: NotRequired[int]
    counted_at: NotRequired[datetime]


class CloudEvent(TypedDict):
    """An event for the data platform, as CloudEvents 1.0 has it."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    dataschema: str
    sequence: str


FRAMES: dict[str, Any] = {
    "ready": ReadyFrame,
    "notification": NotificationFrame,
    "order": OrderFrame,
    "stock": StockFrame,
    "error": ErrorFrame,
}
# How far the numbers of an update may go, as the consumer checks them.
BOUNDS: dict[str, Schema] = {
    "source": {"pattern": f"^{messages.SOURCE.pattern}$"},
    "source_version": {"minimum": 1, "maximum": messages.MAX_VERSION},
    "price": {"minimum": 1, "maximum": messages.MAX_PRICE},
    "name": {"minLength": 1, "maxLength": 200},
    "stock": {"minimum": 0, "maximum": messages.MAX_STOCK},
}


@cache
def description() -> Schema:
    """Return the whole description; it cannot change while the process runs."""
    known: Known = {}
    made = _messages(known)
    schemas = _narrowed(shapes(known))
    for name in sorted(schema_names()):
        schemas[name] = {
            key: value for key, value in schema(name).items() if key != "$schema"
        }
    for message in made.values():
        message["examples"] = [{"payload": example_of(message["payload"], schemas)}]
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Dojang events",
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "description": "What the shop tells, and is told, without being asked.",
            "contact": {**INFO["contact"], "url": "https://shop.example/api/docs"},
            "license": {"name": INFO["license"]["name"], "url": _LICENCE},
            "tags": [_tag("live"), _tag("platform"), _tag("products")],
        },
        "defaultContentType": JSON,
        "servers": _servers(),
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": made,
            "schemas": schemas,
            "securitySchemes": {
                "session": {
                    "type": "httpApiKey",
                    "in": "cookie",
                    "name": settings.SESSION_COOKIE_NAME,
                    "description": "The storefront's cookie. Without it: stocks only.",
                },
                "broker": {
                    "type": "userPassword",
                    "description": "As the broker's URL has them.",
                },
            },
        },
    }


_LICENCE = "https://opensource.org/license/bsd-3-clause"
TAGS = {
    "live": "One socket for everything that moves by itself.",
    "platform": "Paid orders, in order and at least once.",
    "products": "Prices, names and stocks, to and from other systems.",
}


def _tag(name: str) -> Schema:
    return {"name": name, "description": TAGS[name]}


def _servers() -> Schema:
    return {
        "live": {
            "host": "shop.example",
            "protocol": "wss",
            "pathname": "/ws",
            "description": "The shop itself. `make run` has it at a port of its own.",
            "security": [{"$ref": "#/components/securitySchemes/session"}],
            "tags": [_tag("live")],
        },
        "platform": {
            "host": "data.example",
            "protocol": "https",
            "description": "Yours: `DATA_PLATFORM_URL`; AMQP, Kafka and files, too.",
            "tags": [_tag("platform")],
        },
        "rabbitmq": {
            "host": "rabbit.example",
            "protocol": "amqps",
            "description": "Yours: `RABBITMQ_URL`.",
            "security": [{"$ref": "#/components/securitySchemes/broker"}],
            "tags": [_tag("products")],
        },
    }


def _channels() -> Schema:
    return {
        "live": _live(),
        "platform": {
            "address": settings.DATA_PLATFORM_TOPIC,
            "title": "Data platform",
            "description": (
                "POST to the platform's URL, else an exchange, topic or file of this"
                " name. Signed as Standard Webhooks are; `id` tells repetitions,"
                " `sequence` has no gaps. 410 ends it, 4xx is put aside, all else comes"
                " again."
            ),
            "servers": [{"$ref": "#/servers/platform"}],
            "messages": _refs("orderPaid"),
            "tags": [_tag("platform")],
        },
        "products": {
            "address": broker.EXCHANGE,
            "title": "Product messages",
            "description": "A durable topic exchange; the routing key ends in the SKU.",
            "servers": [{"$ref": "#/servers/rabbitmq"}],
            "messages": _refs("productChanged", "stockChanged", "productUpdate"),
            "bindings": {
                "amqp": {
                    "is": "routingKey",
                    "exchange": {
                        "name": broker.EXCHANGE,
                        "type": "topic",
                        "durable": True,
                        "autoDelete": False,
                    },
                    "bindingVersion": "0.3.0",
                }
            },
            "tags": [_tag("products")],
        },
    }


def _live() -> Schema:
    return {
        "address": "/",
        "title": "Live pages",
        "description": (
            "Frames are JSON. What was missed since `after` comes first, then"
            " `ready`, then what happens. Close codes: 1008 too many messages, 1013"
            " try again later, 4401 signed out."
        ),
        "servers": [{"$ref": "#/servers/live"}],
        "messages": _refs(*FRAMES, "subscribe"),
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "after": {
                            "type": "integer",
                            "description": "The last notification that was seen.",
                        },
                        "lang": {
                            "type": "string",
                            "enum": sorted(dict(settings.LANGUAGES)),
                        },
                    },
                },
                "bindingVersion": "0.1.0",
            }
        },
        "tags": [_tag("live")],
    }


def _refs(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operations() -> Schema:
    return {
        "showNews": _operation("send", "live", "Tell a page what moves", *FRAMES),
        "takeSubscription": _operation(
            "receive", "live", "Hear what a page shows", "subscribe"
        ),
        "pushPaidOrder": _operation(
            "send", "platform", "Push a paid order", "orderPaid"
        ),
        "tellProduct": _operation(
            "send", "products", "Tell what a product has become", "productChanged"
        ),
        "tellStock": _operation(
            "send", "products", "Tell what a stock has become", "stockChanged"
        ),
        "takeUpdate": _operation(
            "receive", "products", "Take what another system says", "productUpdate"
        ),
    }


def _operation(action: str, channel: str, summary: str, *names: str) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "title": summary,
        "summary": f"{summary}.",
        "description": TAGS[channel],
        "messages": [
            {"$ref": f"#/channels/{channel}/messages/{name}"} for name in names
        ],
        "tags": [_tag(channel)],
    }


def _messages(known: Known) -> dict[str, Schema]:
    made = {
        name: _message(name, "live", frame, known) for name, frame in FRAMES.items()
    }
    made["subscribe"] = _message("subscribe", "live", Subscription, known)
    schema_of(CloudEvent, known)
    made["orderPaid"] = {
        "name": "shop.order.paid.v1",
        "title": "A paid order",
        "summary": "An order as it stood when it was paid.",
        "contentType": CLOUD_EVENTS,
        "payload": {
            "type": "object",
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "data": {"$ref": "#/components/schemas/shop.order.paid.v1"}
                    },
                },
            ],
        },
        "tags": [_tag("platform")],
    }
    for name, shape in (
        ("productChanged", ProductChanged),
        ("stockChanged", StockChanged),
        ("productUpdate", ProductUpdate),
    ):
        made[name] = _message(name, "products", shape, known)
    return made


def _message(name: str, tag: str, shape: Any, known: Known) -> Schema:
    return {
        "name": name,
        "title": " ".join(shape.__doc__.split()).partition(";")[0].rstrip("."),
        "summary": " ".join(shape.__doc__.split()),
        "contentType": JSON,
        "payload": schema_of(shape, known),
        "tags": [_tag(tag)],
    }


def _narrowed(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Say of the schemas what types cannot: bounds, and constants."""
    for name, bounds in BOUNDS.items():
        schemas["ProductUpdate"]["properties"][name] |= bounds
    schemas["ProductUpdate"]["anyOf"] = [
        {"required": [aspect]} for aspect in messages.SAID
    ]
    for kind, frame in FRAMES.items():
        schemas[frame.__name__]["properties"]["type"] = {"const": kind}
    for name, bound in (("products", MOST_PRODUCTS), ("orders", MOST_ORDERS)):
        schemas["Subscription"]["properties"][name]["maxItems"] = bound
    ids = schemas["Subscription"]["properties"]["products"]["items"]
    ids |= {"minimum": 1, "maximum": WITHIN_64_BITS}
    status = schemas["OrderData"]["properties"]["status"]
    status["enum"] = list(OrderStatus.values)
    return schemas
