"""Limit the open connections, in total and per address.

Clients that open connections and send nothing must not lock out others. So at a limit, the connection that has been
idle longest is closed to admit the new one, which is refused only if all others are busy. A connection is idle while it
waits for a request, or for the rest of its headers.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

from media_service.core.addresses import address_key

if TYPE_CHECKING:
    from collections.abc import Callable


class Connection(Protocol):
    """A connection that can be closed."""

    def abort(self) -> None:
        """Close the connection at once; discard buffered output."""

    def close_if_unused(self) -> None:
        """Close the connection unless a request is being received or handled."""


class ConnectionLimiter:
    """Admit up to `limit` connections, and up to `per_address` from one address.

    `note_end` is called with the number of those that are left when one ends. Loopback peers have only the total limit:
    a reverse proxy on this machine forwards the requests of all clients.
    """

    def __init__(self, limit: int, per_address: int, note_end: Callable[[int], None] = lambda _: None) -> None:
        self._per_address = per_address
        self._note_end = note_end
        self._all = _Group(limit)
        self._by_address: dict[str, _Group] = {}
        self._address_of: dict[Connection, str | None] = {}
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._address_of)

    def admit(self, connection: Connection, peer: str) -> bool:
        """Add the connection as idle; close an idle one if needed. Return False if it must be refused."""
        address = limited_address(peer)
        if not self._make_room(address):
            return False
        self._address_of[connection] = address
        if address is not None:
            self._by_address.setdefault(address, _Group(self._per_address))
        for group in self._groups(connection):
            group.add(connection)
        return True

    def set_busy(self, connection: Connection) -> None:
        """Mark the connection as busy: it is not closed for another one."""
        for group in self._groups(connection):
            group.idle.pop(connection, None)

    def set_idle(self, connection: Connection) -> None:
        """Mark the connection as idle from now on."""
        self.set_busy(connection)
        for group in self._groups(connection):
            group.idle[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a connection that has ended. Do nothing if it was refused or already closed by `admit`."""
        for group in self._groups(connection):
            group.remove(connection)
        address = self._address_of.pop(connection, None)
        if address is not None and not self._by_address[address].count:
            del self._by_address[address]
        self._note_end(len(self._address_of))
        if not self._address_of:
            self._emptied.set()

    def close_unused(self) -> None:
        """Close every connection on which no request is being received or handled."""
        for connection in list(self._address_of):
            connection.close_if_unused()

    async def wait_until_empty(self) -> None:
        """Return when no connection is left."""
        while self._address_of:
            self._emptied.clear()
            await self._emptied.wait()

    def _groups(self, connection: Connection) -> tuple[_Group, ...]:
        if connection not in self._address_of:
            return ()
        address = self._address_of[connection]
        return (self._all,) if address is None else (self._all, self._by_address[address])

    def _make_room(self, address: str | None) -> bool:
        own = None if address is None else self._by_address.get(address)
        # Closing a connection of the same address also frees one in total.
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
    """Connections that share a limit; `idle` is ordered, longest idle first."""

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


def limited_address(peer: str) -> str | None:
    """Return the key of a peer's address; None for loopback or if it is not an IP address."""
    key = address_key(peer)
    return None if key is None or ip_address(key.partition("/")[0]).is_loopback else key
