"""Bound the open connections: in all, and per address.

A client that opens connections and sends nothing must not keep others out. So where a limit is reached, the connection
that has been idle longest is closed for the new one. Idle means that no request is being answered on it: it waits for a
request, or for the rest of a request's headers. Only if every connection is busy, the new one is refused.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Protocol

IPV6_PREFIX_BITS = 64
"""Bits of an IPv6 address that count: one customer of a provider has at least all addresses that share them."""


class Connection(Protocol):
    """What this file needs of a connection."""

    def abort(self) -> None:
        """Close the connection at once, without sending what is still buffered."""


class ConnectionLimiter:
    """Admit connections up to `limit` in all, and up to `per_address` of one address.

    Peers on a loopback address count only in all: a reverse proxy on this machine brings the requests of everybody.
    """

    def __init__(self, limit: int, per_address: int) -> None:
        self._per_address = per_address
        self._all = _Group(limit)
        self._by_address: dict[str, _Group] = {}
        self._address_of: dict[Connection, str | None] = {}

    def __len__(self) -> int:
        return len(self._address_of)

    def admit(self, connection: Connection, peer: str) -> bool:
        """Count the connection, idle at first; False if it must be refused. It may close an idle one to make room."""
        address = address_key(peer)
        if not self._make_room(address):
            return False
        self._address_of[connection] = address
        if address is not None:
            self._by_address.setdefault(address, _Group(self._per_address))
        for group in self._groups(connection):
            group.add(connection)
        return True

    def set_busy(self, connection: Connection) -> None:
        """Do not close this connection for another one: a request is being answered on it."""
        for group in self._groups(connection):
            group.idle.pop(connection, None)

    def set_idle(self, connection: Connection) -> None:
        """Note that from now on this connection waits for a request."""
        for group in self._groups(connection):
            group.idle.pop(connection, None)
            group.idle[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended; nothing happens if it was refused or closed by `admit`."""
        for group in self._groups(connection):
            group.remove(connection)
        address = self._address_of.pop(connection, None)
        if address is not None and not self._by_address[address].count:
            del self._by_address[address]

    def _groups(self, connection: Connection) -> tuple[_Group, ...]:
        if connection not in self._address_of:
            return ()
        address = self._address_of[connection]
        return (self._all,) if address is None else (self._all, self._by_address[address])

    def _make_room(self, address: str | None) -> bool:
        own = None if address is None else self._by_address.get(address)
        # An address at its limit makes room among its own connections, and thereby in all.
        return (own is None or self._make_room_in(own)) and self._make_room_in(self._all)

    def _make_room_in(self, group: _Group) -> bool:
        if group.count < group.limit:
            return True
        longest_idle = next(iter(group.idle), None)
        if longest_idle is None:
            return False
        self.remove(longest_idle)
        longest_idle.abort()
        return True


class _Group:
    """Connections that share a limit; `idle` has those that wait for a request, the longest idle first."""

    __slots__ = ("count", "idle", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0
        self.idle: dict[Connection, None] = {}

    def add(self, connection: Connection) -> None:
        self.count += 1
        self.idle[connection] = None

    def remove(self, connection: Connection) -> None:
        self.count -= 1
        self.idle.pop(connection, None)


def address_key(peer: str) -> str | None:
    """Return what stands for a peer's address in the counts: of IPv6 the network; None for loopback and no address."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS)))
    return str(address)
