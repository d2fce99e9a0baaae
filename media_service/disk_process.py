"""The process aside that waits for the disk: it commits to the catalogue, syncs partials and reads them back.

`python -m media_service.disk_process catalogue=DESCRIPTOR storage=DESCRIPTOR DATABASE`. Its services share nothing but
the process. It ends when the server closes every line, or is gone; signals are for the server, which has answers to
wait for.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial

from media_service.catalogue import committing
from media_service.storage import flushing

LINES = ("catalogue", "storage")


def main() -> None:
    """Serves every line, each in a thread."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    *told, database = sys.argv[1:]
    ends = {name: socket.socket(fileno=int(number)) for name, _, number in (line.partition("=") for line in told)}
    with ThreadPoolExecutor(len(LINES)) as threads:
        serving = [
            threads.submit(committing.serve, ends["catalogue"], partial(committing.writing_connection, database)),
            threads.submit(flushing.serve, ends["storage"]),
        ]
        done, _ = wait(serving, return_when=FIRST_EXCEPTION)
        if failed := [error for service in done if (error := service.exception())]:
            # The other services would keep their lines open, and nobody would start them all anew.
            sys.excepthook(type(failed[0]), failed[0], failed[0].__traceback__)
            os._exit(1)


if __name__ == "__main__":
    main()
