"""Addresses of clients, as limits count them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

CACHED_ADDRESSES = 4096


@lru_cache(CACHED_ADDRESSES)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address, without an IPv6 zone, and as IPv4 if it is mapped into IPv6; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(CACHED_ADDRESSES)
def address_key(peer: str) -> str | None:
    """Return the IPv4 address, `::1`, or the IPv6 /64 network of a client; None if it is not an IP address."""
    # A provider gives each IPv6 customer at least a /64.
    address = parse_address(peer)
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(IPv6Network((address, 64), strict=False))
    return None if address is None else str(address)
