"""Addresses that others gave us: which of them may be called, and which never.

A name is looked up once, at the moment of connecting, and the connection goes to the
very address that was checked. What the name says a moment later changes nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address


class AddressRefused(Exception):
    """The address leads into our own network, or is none that may be called."""


def checked(url: str) -> SplitResult:
    """Return the parts of an address that may be called, as far as its text tells.

    Raises ``AddressRefused``. A name may still lead to us: ``pinned`` finds out.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 — raises if it is none
        host = parts.hostname or ""
    except ValueError:
        raise AddressRefused("this is no address") from None
    schemes = {"https", "http"} if settings.WEBHOOKS_MAY_BE_LOCAL else {"https"}
    if parts.scheme not in schemes:
        raise AddressRefused("the address has to begin with https://")
    is_plain = url.isprintable() and not set(url) & set(" \\")
    if not host or not is_plain or parts.username is not None or parts.fragment:
        raise AddressRefused("the address is not a plain one")
    literal = _literal(host)
    if literal is not None:
        _check(literal)
    return parts


def pinned(host: str, port: int) -> str:
    """Return the one address that a connection to ``host`` goes to.

    Raises ``AddressRefused`` if any of the host's addresses is not public, and
    ``OSError`` if it has none.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    for address in addresses:
        _check(address)
    return str(addresses[0])


def is_public(address: Address) -> bool:
    """Tell whether an address is out in the world, also one inside another."""
    address = _inner(address)
    if isinstance(address, IPv6Address) and address.teredo is not None:
        return False
    is_odd = address.is_multicast or address.is_reserved
    return address.is_global and not is_odd


def _check(address: Address) -> None:
    if is_public(address):
        return
    if settings.WEBHOOKS_MAY_BE_LOCAL and _is_harmless(address):
        return
    raise AddressRefused(f"{address} is not a public address")


def _is_harmless(address: Address) -> bool:
    """Tell whether a developer's own machine or network has the address."""
    address = _inner(address)
    # Clouds give secrets to whoever asks a link-local one.
    is_odd = address.is_link_local or address.is_multicast or address.is_unspecified
    return not is_odd and (address.is_loopback or address.is_private)


def _inner(address: Address) -> Address:
    """Return the version 4 address that one of version 6 stands for, if it does."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
