"""What may stand in an address."""

from django.urls.converters import IntConverter


class KeyConverter(IntConverter):
    """A number that a key of the database can have; anything longer is 404."""

    regex = "[0-9]{1,18}"
