"""Input that is what it says: no "5" for 5, no true for 1, no 1.0, nothing too large.

Inputs are kept as one instance each and only validate: ``clean(INPUT, request)``.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.models import Address
from api.errors import QueryInvalid
from orders.models import MAX_QUANTITY

MAX_BIGINT = 2**63 - 1


class StrictInteger(serializers.IntegerField):
    """A JSON integer."""

    def __init__(
        self, *, min_value: int = 0, max_value: int = MAX_BIGINT, **options: Any
    ) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **options)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return int(data)


class Id(StrictInteger):
    """The id of a row."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, **options)


class StrictText(serializers.CharField):
    """A JSON string."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class StrictBoolean(serializers.BooleanField):
    """``true`` or ``false``."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Input(serializers.Serializer[Any]):
    """What a client sends. Fields that are not declared are ignored."""


class Quantity(StrictInteger):
    """How many of one product: 1 to 999."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_QUANTITY, **options)


class ItemInput(Input):
    product_id = Id()
    quantity = Quantity()


class AddressInput(Input):
    """Where a parcel goes."""

    recipient = StrictText(max_length=150)
    phone = StrictText(max_length=32)
    postal_code = StrictText(max_length=16)
    line1 = StrictText(max_length=200)
    line2 = StrictText(max_length=200, allow_blank=True, required=False)
    city = StrictText(max_length=100)
    country = serializers.RegexField(
        r"^[A-Z]{2}$", required=False, help_text="ISO 3166-1 alpha-2"
    )


def clean(shape: Input, request: Request) -> dict[str, Any]:
    """Return what ``shape`` makes of the body; raise ``ValidationError``."""
    cleaned: dict[str, Any] = shape.run_validation(request.data)
    return cleaned


def clean_query(shape: Input, request: Request) -> dict[str, Any]:
    """Return what ``shape`` makes of the query string; errors name the parameter."""
    try:
        cleaned: dict[str, Any] = shape.run_validation(request.query_params.dict())
    except ValidationError as error:
        raise QueryInvalid(error.detail) from None
    return cleaned


def merged(items: list[dict[str, int]], pointer: str = "items") -> dict[int, int]:
    """Add up the lines of each product; the sum, too, is at most 999."""
    quantities: dict[int, int] = {}
    for item in items:
        product_id = item["product_id"]
        quantities[product_id] = quantities.get(product_id, 0) + item["quantity"]
    if any(quantity > MAX_QUANTITY for quantity in quantities.values()):
        too_many = Quantity.default_error_messages["max_value"]
        said = too_many.format(max_value=MAX_QUANTITY)
        raise ValidationError({pointer: [said]}, code="max_value")
    return quantities


def full_address(address: dict[str, str]) -> dict[str, str]:
    """Return an address with every field an order freezes."""
    return Address(**address).snapshot()
