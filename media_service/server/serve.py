"""`media-service serve`: prepare what all processes share, then supervise them."""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

from media_service.adapters import claim_store, prepare
from media_service.app import load_assets
from media_service.logs import log_to_stderr
from media_service.server.bind_errors import explain_bind_error
from media_service.server.descriptor_limit import raise_descriptor_limit
from media_service.server.listen import open_listeners
from media_service.server.processes import ServiceProcesses
from media_service.server.supervisor import Supervisor
from media_service.startup import StartupError, check_http_parser
from media_service.storage.data_folder import DataFolder, DataFolderLocked

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from media_service.config.settings import Settings

SWITCH_INTERVAL_SECONDS = 0.001
"""Seconds that a parsing thread may delay the event loop; Python's default of 5 ms would slow down every block."""


def serve(settings: Settings, load: Callable[[], Settings]) -> None:
    """Serve until SIGINT or SIGTERM; `load` reads the settings again at SIGHUP. Exit with a message on failure."""
    log_to_stderr()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    try:
        supervisor = _prepare(settings, load)
    except (StartupError, DataFolderLocked) as error:
        sys.exit(f"media-service: {error}")
    except OSError as error:
        sys.exit(f"media-service: {explain_bind_error(error, settings)}")
    except KeyboardInterrupt:
        # Ctrl-C before the signal handlers are installed, for example during a migration.
        sys.exit(128 + signal.SIGINT)
    if status := supervisor.run():
        sys.exit(status)


def _prepare(settings: Settings, load: Callable[[], Settings]) -> Supervisor:
    """Return the supervisor of a service that listens. No thread may run when this returns: processes are forked."""
    check_http_parser()
    raise_descriptor_limit()
    folder = DataFolder(settings.data_dir.resolve())
    folder.make()
    # Every process inherits this descriptor, so the next service waits for the end of all.
    folder.lock()
    prepare(settings, folder)
    claim_store(settings, folder)
    load_assets()
    listeners = open_listeners(settings.host, settings.port)
    processes = ServiceProcesses(settings, load, folder, listeners)
    _print_addresses(listeners, settings, folder)
    # Collecting or freeing what was loaded so far would copy pages that all processes share.
    gc.freeze()
    return Supervisor(processes)


def _print_addresses(listeners: Sequence[socket.socket], settings: Settings, folder: DataFolder) -> None:
    token = folder.admin_token()
    host, port = listeners[0].getsockname()[:2]
    page = f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base_path}"
    print(f"page   {page}/")
    if sys.stdout.isatty():
        print(f"admin  {page}/admin#token={quote(token, safe='')}")
    else:
        # Not the token itself: more people can read a log than the token's file.
        print(f"admin  {page}/admin  (token in {folder.token_file})")
    reach = "this machine only" if settings.on_loopback else f"every machine that reaches {settings.host}"
    print(f"open   to {reach}; who may come in: docs/operator.md")
    print("stop   with Ctrl-C", flush=True)
