"""Check whether a running service is ready."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.config.settings import Settings

TIMEOUT_SECONDS = 5.0


class NotReady(Exception):
    """The service does not accept new uploads, or does not respond; the message says which."""


def check_ready(settings: Settings) -> None:
    """Return if `/ready` responds with 200 at the address of these settings. Raise NotReady."""
    if settings.port == 0:
        raise NotReady("port 0 is a different one at each start; say the real one with --port")
    connection = HTTPConnection(_reachable(settings.host), settings.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{settings.base_path}/ready", headers=_host_of(settings))
        response = connection.getresponse()
    except (OSError, HTTPException) as error:
        raise NotReady(f"no response from {settings.host} port {settings.port}: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise NotReady(f"the service responds with status {response.status}")


def page_url(settings: Settings) -> str:
    """Return the URL of the service for a browser, without a slash at its end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = _reachable(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{settings.base_path}"


def _reachable(host: str) -> str:
    """Return an address to connect to: loopback if the service listens on all addresses."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return host


def _host_of(settings: Settings) -> dict[str, str]:
    """Return an allowed `Host`, if there is one: only a service on loopback accepts its own address."""
    if settings.on_loopback or not settings.allowed_hosts:
        return {}
    return {"Host": min(settings.allowed_hosts)}
