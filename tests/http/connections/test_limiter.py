"""Idle connections are closed to admit others, busy ones never."""

from __future__ import annotations

import asyncio

import pytest

from media_service.http.connections.limiter import ConnectionLimiter, limited_address

pytestmark = pytest.mark.once

HERE, FAR, FARTHER = "127.0.0.1", "192.0.2.1", "192.0.2.2"


class FakeConnection:
    """A connection that records whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def abort(self) -> None:
        """Record the call."""
        self.closed = True

    def close_if_unused(self) -> None:
        """Record the call: no request is under way."""
        self.closed = True


def admitted(limiter: ConnectionLimiter, *peers: str) -> list[FakeConnection]:
    connections = [FakeConnection() for _ in peers]
    assert all(limiter.admit(connection, peer) for connection, peer in zip(connections, peers, strict=True))
    return connections


def test_longest_idle_connection_is_closed_first() -> None:
    limiter = ConnectionLimiter(3, 9)
    first, second, third = admitted(limiter, HERE, HERE, HERE)
    limiter.set_busy(first)
    limiter.set_idle(first)
    admitted(limiter, HERE)
    assert [connection.closed for connection in (first, second, third)] == [False, True, False]
    assert len(limiter) == 3


def test_new_connection_is_refused_if_all_others_are_busy() -> None:
    limiter = ConnectionLimiter(2, 9)
    connections = admitted(limiter, HERE, HERE)
    for connection in connections:
        limiter.set_busy(connection)
    assert not limiter.admit(FakeConnection(), HERE)
    assert [connection.closed for connection in connections] == [False, False]
    limiter.remove(connections[0])
    admitted(limiter, HERE)


def test_address_at_its_limit_loses_its_own_idle_connection() -> None:
    limiter = ConnectionLimiter(100, 2)
    other, first, second = admitted(limiter, FARTHER, FAR, FAR)
    admitted(limiter, FAR)
    assert [connection.closed for connection in (other, first, second)] == [False, True, False]


def test_address_with_only_busy_connections_is_refused_and_others_are_not() -> None:
    limiter = ConnectionLimiter(100, 2)
    for connection in admitted(limiter, FAR, FAR):
        limiter.set_busy(connection)
    assert not limiter.admit(FakeConnection(), FAR)
    admitted(limiter, FARTHER)


def test_refused_connection_is_not_counted() -> None:
    limiter = ConnectionLimiter(1, 1)
    (busy,) = admitted(limiter, FAR)
    limiter.set_busy(busy)
    refused = FakeConnection()
    assert not limiter.admit(refused, FARTHER)
    limiter.set_idle(refused)
    limiter.remove(refused)
    assert len(limiter) == 1
    limiter.remove(busy)
    admitted(limiter, FARTHER)


def test_loopback_peers_have_no_limit_per_address() -> None:
    connections = admitted(ConnectionLimiter(100, 2), *[HERE] * 50, *["::1"] * 50)
    assert not any(connection.closed for connection in connections)


def test_addresses_of_one_ipv6_network_count_together() -> None:
    connections = admitted(ConnectionLimiter(100, 2), "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8::3")
    assert [connection.closed for connection in connections] == [True, False, False, False]


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:127.0.0.1", None),
        ("127.0.0.53", None),
        ("::1", None),
        ("", None),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_key_of_an_address(peer: str, counted: str | None) -> None:
    assert limited_address(peer) == counted


async def test_waits_until_the_last_connection_has_ended() -> None:
    limiter = ConnectionLimiter(9, 9)
    await limiter.wait_until_empty()
    first, second = admitted(limiter, HERE, FAR)
    waiting = asyncio.create_task(limiter.wait_until_empty())
    limiter.remove(first)
    await asyncio.sleep(0)
    assert not waiting.done()
    limiter.remove(second)
    await waiting


def test_unused_connections_are_closed_at_any_address() -> None:
    limiter = ConnectionLimiter(9, 9)
    connections = admitted(limiter, HERE, FAR)
    limiter.close_unused()
    assert all(connection.closed for connection in connections)
