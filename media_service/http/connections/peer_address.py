"""The address of a peer, as quotas and connection limits count it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

CACHED_ADDRESSES = 4096


@lru_cache(CACHED_ADDRESSES)
def address_key(peer: str) -> str | None:
    """Return the IPv4 address, `::1`, or the IPv6 /64 network of a peer; None if it is not an IP address."""
    # A provider gives each IPv6 customer at least a /64.
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address) if address.is_loopback else str(IPv6Network((address, 64), strict=False))
