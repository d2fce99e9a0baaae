"""Listening sockets, opened once by the supervisor and inherited by every receiver."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

BACKLOG = 1024


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of the host. Raise OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    with ExitStack() as opened:
        listeners = []
        for family, address in addresses:
            try:
                listener = socket.create_server(address, family=family, backlog=BACKLOG)
            except OSError as error:
                # The resolver may return IPv6 addresses on a machine without IPv6.
                if error.errno == errno.EAFNOSUPPORT and len(addresses) > 1:
                    continue
                raise
            listeners.append(opened.enter_context(listener))
            listener.setblocking(False)
        opened.pop_all()
    return listeners
