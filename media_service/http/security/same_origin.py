"""Compare hosts and origins with those of this service."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host name, in lower case and without the trailing dot, and a port."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """Scheme, host and port (RFC 6454)."""

    scheme: str
    host: Authority


class ServiceOrigin:
    """The hosts and the origin of this service. No `hosts` allow any; `public_url` is "" if unknown."""

    def __init__(self, hosts: frozenset[str], public_url: str) -> None:
        self._public = parse_origin(public_url) if public_url else None
        names = {_normalized(host) for host in hosts}
        if names and self._public is not None:
            names.add(self._public.host.name)
        self._names = frozenset(names)

    def allows_host(self, host: str) -> bool:
        """Return whether this value of Host is allowed."""
        return not self._names or parse_authority(host).name in self._names

    def is_same_origin(self, origin_field: str, host: str) -> bool:
        """Return whether the Origin field is the service's own, for a request with this Host field."""
        # Compare the scheme only with that of `public_url`: a proxy that terminates TLS forwards plain HTTP.
        page = parse_origin(origin_field)
        if page is None:
            return False
        if self._public is not None and parse_authority(host, self._public.scheme) == self._public.host:
            return page == self._public
        return page == self._public or page.host == parse_authority(host, page.scheme)


def parse_origin(url: str) -> Origin | None:
    """Return the origin of an http(s) URL or an Origin field, None if it is neither."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
        return None
    return Origin(parts.scheme, parse_authority(parts.netloc, parts.scheme))


def parse_authority(host: str, scheme: str = "") -> Authority:
    """Return host and port of a Host field; the default port of the scheme if it has none."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) <= 5:
        return Authority(_normalized(name), int(port))
    return Authority(_normalized(host), DEFAULT_PORTS.get(scheme))


def _normalized(name: str) -> str:
    return name.lower().removesuffix(".")
