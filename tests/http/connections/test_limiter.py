"""Connections make room for others when they wait, and are never closed while they are busy."""

from __future__ import annotations

import pytest

from media_service.http.connections.limiter import ConnectionLimiter, address_key

HERE, FAR, FARTHER = "127.0.0.1", "192.0.2.1", "192.0.2.2"


class Line:
    """A connection that notes whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def abort(self) -> None:
        """Note it."""
        self.closed = True


def admitted(connections: ConnectionLimiter, *peers: str) -> list[Line]:
    lines = [Line() for _ in peers]
    assert all(connections.admit(line, peer) for line, peer in zip(lines, peers, strict=True))
    return lines


def test_longest_idle_connection_is_closed_first() -> None:
    connections = ConnectionLimiter(3, 9)
    first, second, third = admitted(connections, HERE, HERE, HERE)
    connections.set_busy(first)
    connections.set_idle(first)
    admitted(connections, HERE)
    assert [line.closed for line in (first, second, third)] == [False, True, False]
    assert len(connections) == 3


def test_new_connection_is_refused_if_all_others_are_busy() -> None:
    connections = ConnectionLimiter(2, 9)
    lines = admitted(connections, HERE, HERE)
    for line in lines:
        connections.set_busy(line)
    assert not connections.admit(Line(), HERE)
    assert [line.closed for line in lines] == [False, False]
    connections.remove(lines[0])
    admitted(connections, HERE)


def test_address_at_its_limit_loses_its_own_idle_connection() -> None:
    connections = ConnectionLimiter(100, 2)
    other, first, second = admitted(connections, FARTHER, FAR, FAR)
    admitted(connections, FAR)
    assert [line.closed for line in (other, first, second)] == [False, True, False]


def test_address_with_only_busy_connections_is_refused_and_others_are_not() -> None:
    connections = ConnectionLimiter(100, 2)
    for line in admitted(connections, FAR, FAR):
        connections.set_busy(line)
    assert not connections.admit(Line(), FAR)
    admitted(connections, FARTHER)


def test_refused_connection_is_not_counted() -> None:
    connections = ConnectionLimiter(1, 1)
    (busy,) = admitted(connections, FAR)
    connections.set_busy(busy)
    refused = Line()
    assert not connections.admit(refused, FARTHER)
    connections.set_idle(refused)
    connections.remove(refused)
    assert len(connections) == 1
    connections.remove(busy)
    admitted(connections, FARTHER)


def test_loopback_peers_have_no_limit_per_address() -> None:
    lines = admitted(ConnectionLimiter(100, 2), *[HERE] * 50, *["::1"] * 50)
    assert not any(line.closed for line in lines)


def test_addresses_of_one_ipv6_network_count_together() -> None:
    lines = admitted(ConnectionLimiter(100, 2), "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8::3")
    assert [line.closed for line in lines] == [True, False, False, False]


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:127.0.0.1", None),
        ("127.0.0.53", None),
        ("::1", None),
        ("", None),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_key_of_an_address(peer: str, counted: str | None) -> None:
    assert address_key(peer) == counted
