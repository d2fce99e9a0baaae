"""Addresses and names of clients, as trusted proxies tell them.

Of the fields that proxies add, only X-Forwarded-For is read: RFC 7239's Forwarded is sent by few of them, and one that
sets X-Forwarded-For may pass a client's own Forwarded on. Scheme and host never come from such fields; `public_url`
says what they are.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.addresses import CACHED_ADDRESSES, address_key, parse_address
from media_service.core.errors.requests import IdentityRefused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

    from aiohttp.typedefs import Handler, Middleware

X_FORWARDED_FOR = "X-Forwarded-For"
MAX_PROXIES = 16
"""Addresses of trusted proxies in a row, after which the rest of the field is not read."""

MAX_NAME_LENGTH = 200


class TrustedProxies:
    """The proxies whose word is taken, as addresses or networks such as `10.0.0.0/8`."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(network) for network in networks)
        self._is_in_network = lru_cache(CACHED_ADDRESSES)(self._is_in_a_network)

    def trusts(self, peer: str | None) -> bool:
        """Return whether this is the address of a trusted proxy."""
        address = parse_address(peer) if peer and self._networks else None
        return address is not None and self._is_in_network(address)

    def client_of(self, peer: str, forwarded: Iterable[str]) -> str:
        """Return the address of the client for whom `peer` sends; `forwarded`: the fields X-Forwarded-For, in order.

        It is the right-most one that is not a trusted proxy's, since everything further left came from there. If all
        are, it is the left-most. If one of those read is not an IP address, it is `peer`.
        """
        own = parse_address(peer)
        if own is None:
            return peer
        return str(self._forwarded_address(own, forwarded) if self.trusts(peer) else own)

    def _forwarded_address(self, own: IPv4Address | IPv6Address, forwarded: Iterable[str]) -> IPv4Address | IPv6Address:
        client = own
        for entry in reversed(",".join(forwarded).rsplit(",", MAX_PROXIES)[-MAX_PROXIES:]):
            address = parse_address(_without_port(entry.strip()))
            if address is None:
                return own
            # Another machine means itself by a loopback address, not this machine, which has no limits.
            if not address.is_loopback or client.is_loopback:
                client = address
            if not self._is_in_network(address):
                break
        return client

    def _is_in_a_network(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


TRUSTED_PROXIES = web.AppKey("trusted_proxies", TrustedProxies)


def client_ip(request: web.Request) -> str | None:
    """Return the client's IP address; None if the connection has none, such as a Unix socket."""
    peer = request.remote
    if not peer:
        return None
    forwarded = request.headers.getall(X_FORWARDED_FOR, ())
    return request.app[TRUSTED_PROXIES].client_of(peer, forwarded)


def client_address(request: web.Request) -> str | None:
    """Return the key of the client's address, as quotas and rates count it; None if the connection has none."""
    address = client_ip(request)
    return None if address is None else address_key(address)


class ProxyIdentity:
    """The name of a person whom a trusted proxy has signed in, in the header field `field`; "" for none."""

    def __init__(self, field: str, trusted: TrustedProxies) -> None:
        self._field = field
        self._trusted = trusted

    def name(self, request: web.Request) -> str | None:
        """Return the name, None without one.

        Raise IdentityRefused if it may be the client's own: from another peer than a trusted proxy, more than once, or
        in a field that some servers take for the same one (`Remote_User` for `Remote-User`).
        """
        if not self._field:
            return None
        wanted = self._field.lower()
        # Iterating over the names alone gives one that came twice only once.
        fields = [(name, value) for name, value in request.headers.items() if name.lower().replace("_", "-") == wanted]
        if not fields:
            return None
        ((sent_as, value), *more) = fields
        if more or sent_as.lower() != wanted:
            raise IdentityRefused(self._field, "it must come once, under exactly this name")
        if not self._trusted.trusts(request.remote):
            raise IdentityRefused(self._field, "only a proxy in `trusted_proxies` may send it")
        name = value.strip()
        # A list is what a proxy makes of two fields.
        if len(name) > MAX_NAME_LENGTH or not name.isprintable() or "," in name:
            raise IdentityRefused(self._field, "it must be one name")
        return name or None

    def middleware(self) -> Middleware:
        """Return a middleware that refuses such requests whatever they ask for."""

        @web.middleware
        async def check_identity(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.name(request)
            return await handler(request)

        return check_identity


def _without_port(entry: str) -> str:
    """Return the address of an entry such as `192.0.2.1:443` or `[2001:db8::1]:443`, which some proxies write."""
    if entry.startswith("["):
        address, closed, _ = entry[1:].partition("]")
        return address if closed else ""
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
