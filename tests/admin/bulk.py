"""Twenty thousand orders in a few seconds: copies of one, with what hangs on it."""

from uuid import UUID

from django.db import connection
from django.db.models import Model

from orders.models import Order, OrderEvent, OrderLine
from outbox.models import Dispatch, Event
from payments.models import Payment

NUMBER = 20_000


def many_orders(order_id: UUID) -> None:
    """Copy an order, its lines, payments and events until there are so many more."""
    order = "md5('order ' || copy)::uuid"
    _copy(
        Order,
        f"id = '{order_id}'",
        id=order,
        number="'BULK' || copy",
        coupon_id="NULL",
    )
    for part in (OrderLine, OrderEvent):
        _copy(part, f"order_id = '{order_id}'", order_id=order)
    _copy(
        Payment,
        f"order_id = '{order_id}'",
        id="md5('payment ' || copy)::uuid",
        order_id=order,
    )
    event = "md5('event ' || copy)::uuid"
    _copy(
        Event,
        f"aggregate = 'order/{order_id}' AND topic = 'order.paid'",
        id=event,
        aggregate=f"'order/' || {order}",
        position="nextval('outbox_event_position_seq')",
        sequence="10000000 + copy",
    )
    _copy(
        Dispatch,
        "event_id = (SELECT id FROM outbox_event"  # noqa: S608
        f" WHERE aggregate = 'order/{order_id}' AND topic = 'order.paid')",
        event_id=event,
        aggregate=f"'order/' || {order}",
    )
    # Of rows that are not committed the statistics know nothing.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(model: type[Model], condition: str, **changed: str) -> None:
    """Insert copies of rows; ``changed`` columns are expressions of ``copy``."""
    columns = [
        str(field.column)
        for field in model._meta.concrete_fields
        if (not field.primary_key or field.column in changed) and not field.generated
    ]
    values = [changed.get(column, f'old."{column}"') for column in columns]
    table = model._meta.db_table
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(values)}"  # noqa: S608
            f" FROM (SELECT * FROM {table} WHERE {condition}) AS old,"
            f" generate_series(1, {NUMBER}) AS copy"
        )
