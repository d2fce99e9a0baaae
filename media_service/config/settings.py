"""What the operator may choose. `loading.py` reads it from files, the environment and the command line."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationInfo, field_validator

from media_service.core.findings import CODES

MIB = 1024 * 1024
DAY = 24 * 3600.0
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
PUBLIC_URL = re.compile(rf"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?{PATH.pattern}/?", re.ASCII)

OTHER_SCHEME = re.compile(r"(?!https?://|mailto:)[a-z][a-z0-9+.-]*:(//|\S*\()", re.IGNORECASE)
"""The beginning of a URL such as `ftp://…` or `javascript:…()`; a text such as `Tel: 02-123` is none."""

Bytes = Annotated[ByteSize, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseModel):
    """Every setting with its unit, default and bounds. Sizes may be written as `64MiB`. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to listen on. On a loopback address uploading needs no token; on any other it does."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port to listen on; 0 takes a free one."""

    public_url: str = ""
    """The URL by which clients reach the service through a proxy, such as `https://radio.example/media`. Its host need
    not stand in `allowed_hosts`, and `Location` is then absolute."""

    base_path: str = Field(default_factory=lambda given: urlsplit(given.get("public_url", "")).path)
    """The path under which everything stands, such as `/media`, for a proxy that forwards only that; by default that of
    `public_url`."""

    allowed_hosts: frozenset[str] = frozenset()
    """Host names, without port, by which clients may call the service, beside its own address."""

    allowed_origins: frozenset[str] = frozenset()
    """Other sites, such as `https://radio.example`, whose pages may upload here."""

    station_name: Annotated[str, Field(max_length=100)] = ""
    """The station's name, as the upload page shows it: "Send your audio to Radio Example"."""

    contact: Annotated[str, Field(max_length=300)] = ""
    """How people reach the station, at the foot of the upload page: an e-mail address, a `https:` or `mailto:` URL, or
    a text."""

    data_dir: Path = Path("var")
    """The folder of the catalogue, partials, spool and quarantine; one local file system."""

    file_limit: Bytes = ByteSize(64 * 1024 * MIB)
    """Bytes that one file may have."""

    slice_size: Annotated[ByteSize, Field(ge=64 * 1024)] = ByteSize(4 * MIB)
    """Bytes of a slice as proposed to clients; 4 MiB is one block of the content hash."""

    slice_limit: Annotated[ByteSize, Field(ge=64 * 1024)] = ByteSize(64 * MIB)
    """Bytes that one slice may have."""

    disk_reserve: Bytes = ByteSize(256 * MIB)
    """Bytes of disk that uploads must leave free, when they are created and while their bytes come."""

    uploads_per_address: Annotated[int, Field(ge=1)] = 100
    """Uploads that one client address may have open. Not for clients on this machine, unless it is set: a proxy there
    speaks for everybody."""

    bytes_per_address: Bytes = ByteSize(128 * 1024 * MIB)
    """Bytes that the open uploads of one client address may have, announced or received; as `uploads_per_address`."""

    sync: Literal["slice", "upload"] = "slice"
    """When bytes are synced: before a slice is answered, or once the upload is whole. With `upload` a power cut may
    take an upload on its way; a killed process takes nothing either way."""

    connections: Annotated[int, Field(ge=1)] | None = None
    """Connections that may be open at a time; by default as many as there are descriptors for, 4096 at most."""

    connections_per_address: Annotated[int, Field(ge=1)] = 64
    """Connections of one address, of IPv6 one /64; a proxy on this machine, at a loopback address, has no limit."""

    keepalive_timeout: Seconds = 30.0
    """Seconds for which a connection waits for the next request and for the whole of its headers."""

    request_timeout: Seconds = 30.0
    """Seconds within which a JSON body must be whole."""

    idle_timeout: Seconds = 60.0
    """Seconds that a request's body may stand still, and that a client may take nothing of a response."""

    body_rate: Bytes = ByteSize(256)
    """Bytes a second that a body must bring at least, on the average of each `idle_timeout`."""

    verdict_wait_slice: Annotated[float, Field(ge=0)] = 0.5
    """Seconds that the answer to the last slice waits for the verdict on the file."""

    verdict_wait_form: Seconds = 300.0
    """Seconds that the answer to a plain form waits for the verdict on the file."""

    verdict_wait_append: Annotated[float, Field(ge=0)] = 20.0
    """Seconds that the answer to the last request of tus and of the IETF draft waits for the verdict on the file."""

    interim_responses: bool = False
    """Whether clients of the IETF draft get 104 answers; proxies such as nginx break on them."""

    upload_lifetime: Seconds = 7 * DAY
    """Seconds after which an upload for which nothing came expires."""

    upload_deadline: Seconds = 30 * DAY
    """Seconds after its creation at which an upload that is not whole expires, however much still comes."""

    late_edits: Annotated[float, Field(ge=0)] = 900.0
    """Seconds after its end for which the sender may still change an upload's name, tags, chapters and cover."""

    quarantine_lifetime: Seconds = 7 * DAY
    """Seconds for which a rejected file is kept."""

    severities: dict[str, Literal["info", "warn", "reject"]] = {}
    """How grave findings are, by code, where that shall differ from the table in the documentation."""

    duplicates: Literal["keep", "refuse", "link"] = "keep"
    """A file whose bytes or whose sound is here already: keep both, refuse it, or lead its sender to the first."""

    tag_mode: Literal["full", "provenance", "none"] = "full"
    """What is written into files: the sender's tags and where the file came from, only the latter, or nothing."""

    tag_version: Literal["keep", "2.3", "2.4"] = "keep"
    """The version of the tags written; `keep` leaves that of the file, and is 2.3 for a file without."""

    cover_limit: Annotated[ByteSize, Field(ge=0, le=8 * MIB)] = ByteSize(2 * MIB)
    """Bytes of a cover: a larger one is refused, and in a file there is a warning. A tag has room for 8 MiB."""

    cover_pixels: Annotated[int, Field(ge=1)] = 4096
    """Pixels of a cover's longer side: a larger one is refused, and in a file there is a warning."""

    tag_workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes that read tags, at most; each may have 128 MiB of memory."""

    measure_loudness: bool = True
    """Whether loudness, silence and waveform of finished files are measured, where ffmpeg is installed."""

    sweep_interval: Seconds = 600.0
    """Seconds between two looks for what has expired."""

    shutdown_timeout: Seconds = 8.0
    """Seconds that open requests get to end when the service is told to stop."""

    @field_validator("station_name", "contact")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("it must be one line of text")
        return value.strip()

    @field_validator("contact")
    @classmethod
    def _no_other_scheme(cls, value: str) -> str:
        if OTHER_SCHEME.match(value):
            raise ValueError("a URL must begin with https:, http: or mailto:")
        return value

    @field_validator("public_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        if value and not PUBLIC_URL.fullmatch(value):
            raise ValueError("it must be a URL such as https://radio.example/media")
        parts = urlsplit(value)
        if value and parts.port == 0:
            raise ValueError("a port is a number from 1 to 65535")
        return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")).geturl()

    @field_validator("base_path")
    @classmethod
    def _plain_path(cls, value: str, given: ValidationInfo) -> str:
        path = "/" + value.strip("/") if value.strip("/") else ""
        if not PATH.fullmatch(path):
            raise ValueError("it must be a path such as /media")
        if (url := given.data.get("public_url")) and urlsplit(url).path != path:
            raise ValueError("it must be the path of public_url; left out, it is taken from there")
        return path

    @field_validator("severities")
    @classmethod
    def _known_codes(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value) - set(CODES):
            raise ValueError(f"there is no finding called {', '.join(sorted(unknown))}")
        return value

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
