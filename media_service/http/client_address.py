"""Who a request comes from, as the quotas count it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

CACHED_ADDRESSES = 4096
"""Addresses of which it is remembered how they are counted."""


def client_address(request: web.Request) -> str | None:
    """Return the address that the connection comes from; None where it has none, as on a Unix socket.

    An IPv6 client is its /64: a single customer has at least as many addresses.
    """
    return None if not request.remote else quota_key(request.remote)


@lru_cache(CACHED_ADDRESSES)
def quota_key(text: str) -> str | None:
    """Return the address or network by which a client at this address is counted."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address) if address.is_loopback else str(IPv6Network((address, 64), strict=False))
