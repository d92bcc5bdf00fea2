"""Where a request comes from, as far as that can be believed."""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings

UNKNOWN = "unknown"
# What one line at home has: whoever changes the rest is still the same.
IPV6_LINE = 64  # bits


def client_address(meta: Mapping[str, Any]) -> str:
    """Return the address of the client, by ``request.META``.

    Each proxy adds to ``X-Forwarded-For`` whom it talked to, so what stands before the
    entry of the outermost of our ``TRUSTED_PROXIES`` is the client's own claim. Without
    a proxy, or with too few entries, it is whoever opened the connection.
    """
    direct = str(meta.get("REMOTE_ADDR") or UNKNOWN)
    depth = settings.TRUSTED_PROXIES
    if depth < 1:
        return direct
    hops = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    if len(hops) < depth:
        return direct
    return _clean(hops[-depth]) or direct


def network_of(address: str) -> str:
    """Return what is limited as one: an IPv4 address, or the line of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return f"{int(found) >> (128 - IPV6_LINE):x}::/{IPV6_LINE}"


def _clean(hop: str) -> str:
    """Return the address of an entry, which may have a port; "" if it is none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
