"""The sidecar process: it syncs partials and reads them back; with SQLite it commits to the catalogue and relays hints.

It accepts connections of any process until the supervisor has closed the pipe `life` or has died, and ends when those
that it has are closed. It ignores signals: others wait for its responses while they shut down.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from media_service.catalogue.sqlite.commit_server import CommitServer, open_for_writing
from media_service.ipc.relay import Relay
from media_service.ipc.unix_socket import receive_service_name
from media_service.storage.sync import server as sync_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Service = Callable[[socket.socket], None]


def run(listener: socket.socket, life: int, database: Path | None) -> None:
    """Serve every connection, each in a thread, until all are closed. `database`: that of SQLite, if it is used."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    services: dict[str, Service] = {"storage": sync_server.serve}
    with ExitStack() as opened:
        if database is not None:
            commit_server = CommitServer(partial(open_for_writing, str(database)))
            opened.callback(commit_server.close)
            services |= {"catalogue": commit_server.serve, "bus": Relay().serve}
        with listener:
            threads = _accept_until_closed(listener, life, services)
        # The interpreter's shutdown, which begins when this returns, makes every executor refuse work.
        for thread in threads:
            thread.join()


def _accept_until_closed(
    listening: socket.socket, life: int, services: Mapping[str, Service]
) -> list[threading.Thread]:
    """Accept connections until the supervisor has closed `life` or has died; return the threads that still serve."""
    threads: list[threading.Thread] = []
    while True:
        ready, _, _ = select.select([listening.fileno(), life], [], [])
        # Accept also after the service has ended: connections that wait in the queue were made before.
        if listening.fileno() in ready:
            connection, _ = listening.accept()
            threads = [thread for thread in threads if thread.is_alive()]
            threads.append(threading.Thread(target=_run, args=(connection, services)))
            threads[-1].start()
        elif life in ready:
            return threads


def _run(connection: socket.socket, services: Mapping[str, Service]) -> None:
    """Serve, and end the whole process on an error: it is restarted, and every client then connects again."""
    try:
        with connection:
            service = receive_service_name(connection)
            if service is not None:
                services[service](connection)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
