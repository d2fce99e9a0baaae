"""Which host names and which origins are this service's own."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host name and a port, comparable: names in lower case, without the dot that ends a full name."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """Scheme, host and port of a page, comparable."""

    scheme: str
    host: Authority


class ServiceOrigin:
    """The names of this service.

    `hosts`: the host names by which clients may call it; empty allows any. `public_url`: the URL under which they
    reach it, or an empty string where that is not known.
    """

    def __init__(self, hosts: frozenset[str], public_url: str) -> None:
        self._public = parse_origin(public_url) if public_url else None
        names = {_normalized(host) for host in hosts}
        if names and self._public is not None:
            names.add(self._public.host.name)
        self._names = frozenset(names)

    def allows_host(self, host: str) -> bool:
        """Return whether clients may call the service by this Host field."""
        return not self._names or parse_authority(host).name in self._names

    def is_same_origin(self, origin_field: str, host: str) -> bool:
        """Return whether a page of this origin is the one that was served under `host`.

        The scheme is compared where `public_url` tells it: a proxy that ends TLS shows the service plain HTTP.
        """
        page = parse_origin(origin_field)
        if page is None:
            return False
        if self._public is not None and parse_authority(host, self._public.scheme) == self._public.host:
            return page == self._public
        return page == self._public or page.host == parse_authority(host, page.scheme)


def parse_origin(url: str) -> Origin | None:
    """Return the origin of an HTTP URL or of an Origin field, None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
        return None
    return Origin(parts.scheme, parse_authority(parts.netloc, parts.scheme))


def parse_authority(host: str, scheme: str = "") -> Authority:
    """Return the host and port of a Host field; a port that is left out is the scheme's."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) <= 5:
        return Authority(_normalized(name), int(port))
    return Authority(_normalized(host), DEFAULT_PORTS.get(scheme))


def _normalized(name: str) -> str:
    return name.lower().removesuffix(".")
