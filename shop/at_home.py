"""The shop's own address, whatever host a request was sent to."""

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings


def at_home(url: str) -> str:
    """Return an address of the shop with the host that the settings name.

    Who writes a request chooses the host in it, and must not choose where the links
    of our letters lead.
    """
    home, parts = urlsplit(settings.SHOP_BASE_URL), urlsplit(url)
    path, query, fragment = parts[2:]
    return str(urlunsplit((home.scheme, home.netloc, path, query, fragment)))
