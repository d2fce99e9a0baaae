"""The process aside that waits for the disk: it commits to the catalogue, syncs partials and reads them back.

`python -m media_service.sidecar catalogue=DESCRIPTOR storage=DESCRIPTOR DATABASE`. Its services share nothing but
the process. It ends when the server closes every line, or is gone; signals are for the server, which has answers to
wait for.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

from media_service.catalogue import committing
from media_service.storage.sync import server

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Serves every line, each in a thread."""
    for told_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told_to_stop, signal.SIG_IGN)
    *lines, database = sys.argv[1:]
    connect = partial(committing.writing_connection, database)
    services = {"catalogue": partial(committing.serve, connect=connect), "storage": server.serve}
    for line in lines:
        name, _, descriptor = line.partition("=")
        threading.Thread(target=_run, args=(services[name], socket.socket(fileno=int(descriptor)))).start()


def _run(serve: Callable[[socket.socket], None], end: socket.socket) -> None:
    """Where one service breaks, the others would keep their lines open, and nobody would start them all anew."""
    try:
        serve(end)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


if __name__ == "__main__":
    main()
