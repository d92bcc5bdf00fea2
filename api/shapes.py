"""What the API answers with. The types are checked, and the schema is made of them."""

from typing import Generic, NotRequired, TypedDict, TypeVar

from django.conf import settings

Item = TypeVar("Item")


class MoneyJson(TypedDict):
    """An amount in the smallest unit of its currency: 14800 KRW, or 14800 cents."""

    amount: int
    currency: str


class TotalJson(TypedDict):
    """How many there are in all, for who asks with ``include=total``.

    Counting stops at 10,000: then ``is_total_exact`` is false.
    """

    total: NotRequired[int]
    is_total_exact: NotRequired[bool]


class PageJson(TotalJson, Generic[Item]):
    """A part of a list; ``next`` is the address of the following one."""

    items: list[Item]
    next: str | None
    previous: str | None


class FieldErrorJson(TypedDict):
    """One value that is wrong: where, a stable code, and in words.

    ``pointer`` is a place in the body, ``parameter`` one of the query string.
    """

    pointer: NotRequired[str]
    parameter: NotRequired[str]
    code: str
    detail: str


class ProblemJson(TypedDict):
    """Problem details (RFC 9457); ``errors`` names each value that is wrong.

    Other members give numbers, e.g. ``available``.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: NotRequired[list[FieldErrorJson]]


class ListJson(TypedDict, Generic[Item]):
    """A complete list."""

    items: list[Item]


class AddressJson(TypedDict):
    """A postal address."""

    recipient: str
    phone: str
    postal_code: str
    line1: str
    line2: str
    city: str
    country: str


def money(amount: int) -> MoneyJson:
    """Return an amount of the shop's one currency, in minor units."""
    return {"amount": amount, "currency": settings.SHOP_CURRENCY}


def money_or_none(amount: int | None) -> MoneyJson | None:
    return None if amount is None else money(amount)
