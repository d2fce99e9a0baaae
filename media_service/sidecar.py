"""The sidecar process: it commits to the catalogue, syncs partials and reads them back.

`python -m media_service.sidecar catalogue=DESCRIPTOR storage=DESCRIPTOR DATABASE`. It exits when the server has closed
both connections or has died. It ignores signals: the server waits for its responses while it shuts down.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

from media_service.catalogue.commit_server import CommitServer, open_for_writing
from media_service.storage.sync import server as sync_server

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Serve every connection, each in a thread, until all are closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    *connections, database = sys.argv[1:]
    commit_server = CommitServer(partial(open_for_writing, database))
    services = {"catalogue": commit_server.serve, "storage": sync_server.serve}
    threads = []
    for argument in connections:
        name, _, descriptor = argument.partition("=")
        threads.append(threading.Thread(target=_run, args=(services[name], socket.socket(fileno=int(descriptor)))))
        threads[-1].start()
    # The interpreter's shutdown, which begins when this returns, makes every executor refuse work.
    for thread in threads:
        thread.join()
    commit_server.close()


def _run(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    """Serve, and end the whole process on an error: the server restarts it once every connection is closed."""
    try:
        serve(connection)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


if __name__ == "__main__":
    main()
