"""Which host names and which origins are this service's own."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host name and a port, comparable: names in lower case, without the dot that ends a full name."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """Scheme, host and port of a page, comparable."""

    scheme: str
    host: Authority


class OwnSite:
    """The names of this service.

    `hosts`: the host names by which clients may call it; empty allows any. `public_url`: the URL under which they
    reach it, or an empty string where that is not known.
    """

    def __init__(self, hosts: frozenset[str], public_url: str) -> None:
        self._public = origin(public_url) if public_url else None
        names = {_plain(host) for host in hosts}
        if names and self._public is not None:
            names.add(self._public.host.name)
        self._names = frozenset(names)

    def has_host(self, host: str) -> bool:
        """Return whether clients may call the service by this Host field."""
        return not self._names or authority(host).name in self._names

    def has_origin(self, given: str, host: str) -> bool:
        """Return whether a page of this origin is the one that was served under `host`.

        The scheme is compared where `public_url` tells it: a proxy that ends TLS shows the service plain HTTP.
        """
        page = origin(given)
        if page is None:
            return False
        if self._public is not None and authority(host, self._public.scheme) == self._public.host:
            return page == self._public
        return page == self._public or page.host == authority(host, page.scheme)


def origin(url: str) -> Origin | None:
    """Return the origin of an HTTP URL or of an Origin field, None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.netloc:
        return None
    return Origin(parts.scheme, authority(parts.netloc, parts.scheme))


def authority(host: str, scheme: str = "") -> Authority:
    """Return the host and port of a Host field; a port that is left out is the scheme's."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) <= 5:
        return Authority(_plain(name), int(port))
    return Authority(_plain(host), PORTS.get(scheme))


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")
