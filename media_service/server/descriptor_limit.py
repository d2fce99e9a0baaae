"""The limit of open file descriptors, and how many connections it allows."""

from __future__ import annotations

import resource

RESERVED_DESCRIPTORS = 256
"""Descriptors reserved for the catalogue, child processes and files."""

MIN_CONNECTIONS = 16
MAX_CONNECTIONS = 4096


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard limit, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def max_connections_for(descriptors: int) -> int:
    """Return how many connections fit: each may need a second descriptor, for a file it sends."""
    return max(MIN_CONNECTIONS, min((descriptors - RESERVED_DESCRIPTORS) // 2, MAX_CONNECTIONS))
