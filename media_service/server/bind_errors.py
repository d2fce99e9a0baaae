"""Explain to the operator why the server cannot listen."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.config.settings import Settings


def explain_bind_error(error: OSError, settings: Settings) -> str:
    """Return a message that says what to change, or the error's own text if it is not about the address."""
    if isinstance(error, socket.gaierror):
        return f"The host name {settings.host} cannot be resolved; choose an address of this machine with --host."
    if "attempting to bind" not in str(error):
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is taken by another program; choose one with --port."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {settings.port} needs rights that this user does not have; choose one from 1024 on with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"This machine does not have the address {settings.host}; choose another one with --host."
    return str(error)
