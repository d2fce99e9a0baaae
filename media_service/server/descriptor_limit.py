"""Descriptors of this process: how many there may be, and how many connections that allows."""

from __future__ import annotations

import resource

RESERVE = 256
"""Descriptors that are not for connections: the catalogue, children, files that are read and finished."""

MOST_CONNECTIONS = 4096
FEWEST_CONNECTIONS = 16


def raise_descriptor_limit() -> int:
    """Raise the limit of open descriptors as far as the process may, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def max_connections_for(descriptors: int) -> int:
    """Return how many connections fit: each may need a second descriptor, for the file that it sends."""
    return max(FEWEST_CONNECTIONS, min((descriptors - RESERVE) // 2, MOST_CONNECTIONS))
