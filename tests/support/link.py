"""A slow, distant or lossy network link, made of two network namespaces and two TUN devices.

This process forwards the packets, so rate, delay, loss and queue do not depend on the kernel's queueing disciplines.
Both ends use the kernel's TCP with CUBIC, as most clients do. It needs root, `ip` and `/dev/net/tun`.
"""

from __future__ import annotations

import fcntl
import heapq
import itertools
import os
import random
import select
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES = 1500
TUN_DEVICE = Path("/dev/net/tun")
CONGESTION_CONTROL = "cubic"
BROWSER_ADDRESS, SERVER_ADDRESS = "10.99.0.1", "10.99.0.2"

_numbers = itertools.count()

_LISTEN = """
import socket, sys
listener = socket.create_server((sys.argv[1], 0), backlog=64)
with socket.socket(fileno=int(sys.argv[2])) as parent:
    socket.send_fds(parent, [b"x"], [listener.fileno()])
"""
"""Program that listens inside a namespace and passes the listening socket to its parent."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One direction of a link.

    `rate` in bits per second, None for no limit; `delay` in seconds one way; `loss` as a share of packets;
    `queue` in bytes: packets are dropped while it is full.
    """

    rate: float | None = None
    delay: float = 0.0
    loss: float = 0.0
    queue: int = 24 * PACKET_BYTES


def missing_for_link() -> str | None:
    """Return what this machine lacks for a link, or None."""
    if os.geteuid() != 0:
        return "root, for network namespaces"
    if shutil.which("ip") is None:
        return "ip (Debian: iproute2)"
    if not TUN_DEVICE.exists():
        return str(TUN_DEVICE)
    return None


class _Direction:
    """Packets in transit from one TUN device to the other, ordered by arrival time."""

    def __init__(self, source: int, sink: int, dice: random.Random) -> None:
        self.source, self.sink = source, sink
        self.shape = Shape()
        self.payload_bytes = 0
        self._dice = dice
        self._free_at = 0.0
        self._under_way: list[tuple[float, int, bytes]] = []
        self._count = itertools.count()

    def take(self, now: float) -> None:
        """Read one packet, and schedule its arrival or drop it."""
        packet = os.read(self.source, PACKET_BYTES + 64)
        shape = self.shape
        self.payload_bytes += _payload_bytes(packet)
        start = max(now, self._free_at)
        if shape.rate is not None and (start - now) * shape.rate / 8 > shape.queue:
            return
        if shape.loss and self._dice.random() < shape.loss:
            return
        self._free_at = start + (len(packet) * 8 / shape.rate if shape.rate else 0.0)
        heapq.heappush(self._under_way, (self._free_at + shape.delay, next(self._count), packet))

    def deliver(self, now: float) -> float:
        """Write every packet that has arrived; return the seconds until the next one does."""
        while self._under_way and self._under_way[0][0] <= now:
            with suppress(OSError):
                os.write(self.sink, heapq.heappop(self._under_way)[2])
        return self._under_way[0][0] - now if self._under_way else 1.0


def _payload_bytes(packet: bytes) -> int:
    """Return the TCP payload of an IPv4 packet in bytes; 0 for any other packet."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
        return 0
    header = (packet[0] & 15) * 4
    return len(packet) - header - (packet[header + 12] >> 4) * 4


class Link:
    """A link with a browser's namespace at one end and a listening socket at the other.

    `with Link() as link`: a program run by `link.command(...)` reaches `listener` at SERVER_ADDRESS. `shape` may be
    called at any time. `dead` drops every packet.
    """

    def __init__(self, seed: int = 0) -> None:
        name = f"ms{os.getpid() % 100_000}x{next(_numbers)}"
        self._names = f"{name}b", f"{name}s"
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self.dead = False

    def __enter__(self) -> Self:
        try:
            ends = [self._end(name, own, peer) for name, own, peer in self._sides()]
            browser, server = ends
            self._up, self._down = _Direction(browser, server, self._dice), _Direction(server, browser, self._dice)
            self.listener = self._listen()
        except BaseException:
            self._remove()
            raise
        self._carrier = threading.Thread(target=self._carry, daemon=True)
        self._carrier.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._carrier.join()
        self.listener.close()
        for end in (self._up.source, self._down.source):
            os.close(end)
        self._remove()

    @property
    def port(self) -> int:
        """Return the port of the listening socket."""
        return int(self.listener.getsockname()[1])

    @property
    def sent(self) -> int:
        """Return the bytes of TCP payload that the browser's end has sent, with retransmissions."""
        return self._up.payload_bytes

    @property
    def received(self) -> int:
        """Return the bytes of TCP payload that the server's end has sent, with retransmissions."""
        return self._down.payload_bytes

    def shape(self, up: Shape, down: Shape | None = None) -> None:
        """Set both directions; `down` defaults to `up`."""
        self._up.shape, self._down.shape = up, down or up

    def command(self, *program: str) -> tuple[str, ...]:
        """Return the command that runs a program in the browser's namespace."""
        return ("ip", "netns", "exec", self._names[0], *program)

    def write_program(self, program: str, folder: Path) -> Path:
        """Write a script that runs a program in the browser's namespace with the script's arguments."""
        path = folder / f"{Path(program).name}-{self.port}"
        path.write_text(f'#!/bin/sh\nexec {shlex.join(self.command(program))} "$@"\n')
        path.chmod(0o755)
        return path

    def _sides(self) -> tuple[tuple[str, str, str], ...]:
        browser, server = self._names
        return (browser, BROWSER_ADDRESS, SERVER_ADDRESS), (server, SERVER_ADDRESS, BROWSER_ADDRESS)

    def _end(self, name: str, own: str, peer: str) -> int:
        """Create a namespace with a TUN device; return the device's descriptor."""
        device = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI))
        _ip("netns", "add", name)
        _ip("link", "set", name, "netns", name)
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", own, "peer", peer, "dev", name),
            ("link", "set", name, "mtu", str(PACKET_BYTES), "up"),
            # By route, because a namespace may set only algorithms that the machine allows to all users.
            ("route", "replace", peer, "dev", name, "src", own, "congctl", CONGESTION_CONTROL),
        ):
            _ip("-n", name, *words)
        return device

    def _listen(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            program = (sys.executable, "-c", _LISTEN, SERVER_ADDRESS, str(theirs.fileno()))
            command = ("ip", "netns", "exec", self._names[1], *program)
            subprocess.run(command, pass_fds=[theirs.fileno()], check=True)
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=descriptors[0])

    def _carry(self) -> None:
        directions = {direction.source: direction for direction in (self._up, self._down)}
        wait = 0.0
        while not self._stop.is_set():
            ready, _, _ = select.select(list(directions), [], [], max(0.0, min(wait, 0.05)))
            now = time.monotonic()
            for source in ready:
                if self.dead:
                    os.read(source, PACKET_BYTES + 64)
                else:
                    directions[source].take(now)
            wait = min(direction.deliver(now) for direction in directions.values())

    def _remove(self) -> None:
        for name in self._names:
            subprocess.run(("ip", "netns", "delete", name), stderr=subprocess.DEVNULL, check=False)


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True)
