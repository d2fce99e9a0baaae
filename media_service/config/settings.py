"""Definitions of all settings; `loading.py` reads their values."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationInfo, field_validator

from media_service.config.values import (
    PATH,
    Bytes,
    Contact,
    DatabaseUrl,
    EndpointUrl,
    Networks,
    PublicUrl,
    Rate,
    Seconds,
    StationName,
    StoreUrl,
)
from media_service.core.findings import CODES

MIB = 1024 * 1024
DAY = 24 * 3600.0
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Settings(BaseModel):
    """Every setting. Sizes may be written as `64MiB`. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on."""

    anonymous: Literal["auto", "on", "off"] = "auto"
    """Whether uploading needs no account; `auto`: only if the service listens on a loopback address."""

    session_lifetime: Seconds = 30 * DAY
    """Seconds after which a browser must sign in again."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port to listen on; 0 takes a free one."""

    public_url: PublicUrl = ""
    """URL by which clients reach the service through a proxy, such as `https://radio.example/media`."""

    base_path: str = Field(default_factory=lambda given: urlsplit(given.get("public_url", "")).path)
    """Path of all URLs, such as `/media`; by default that of `public_url`."""

    allowed_hosts: frozenset[str] = frozenset()
    """More host names, without port, by which clients may call the service."""

    allowed_origins: frozenset[str] = frozenset()
    """Other sites, such as `https://radio.example`, whose pages may upload here."""

    station_name: StationName = ""
    """The station's name on the upload page: "Send your audio to Radio Example"."""

    contact: Contact = ""
    """How people reach the station: an e-mail address, a URL (`https:`, `mailto:`), or a text."""

    data_dir: Path = Path("var")
    """Folder of all data; one local file system."""

    catalogue: DatabaseUrl = Field(default="", repr=False)
    """Database: empty for SQLite in the folder of all data, else `postgresql://user@host/database`."""

    store: StoreUrl = ""
    """Where files are: empty for the folder of all data, else `s3://bucket/prefix`."""

    s3_endpoint: EndpointUrl = ""
    """URL of the S3 server, such as `https://s3.example:9000`; by default that of the AWS configuration."""

    s3_region: str = ""
    """Region of the bucket; by default that of the AWS configuration."""

    s3_addressing: Literal["auto", "path", "virtual"] = "auto"
    """Whether requests name the bucket in the path or in the host; `auto` decides by the endpoint."""

    content: Literal["stream", "redirect"] = "stream"
    """How a finished file in S3 is sent: through this service, or by a redirect to a URL that is signed for minutes."""

    scratch_dir: Path | None = None
    """Folder for bytes on their way to and from S3; by default `scratch` in the folder of all data."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Processes that serve requests; `auto` is the number of processors, at most 4."""

    file_limit: Bytes = ByteSize(64 * 1024 * MIB)
    """Maximum bytes of a file."""

    slice_size: Annotated[ByteSize, Field(ge=64 * 1024)] = ByteSize(4 * MIB)
    """Bytes of a slice, as proposed to clients; 4 MiB is one block of the content hash."""

    slice_limit: Annotated[ByteSize, Field(ge=64 * 1024)] = ByteSize(64 * MIB)
    """Maximum bytes of a slice."""

    disk_reserve: Bytes = ByteSize(256 * MIB)
    """Bytes of disk that uploads leave free: new ones, and slices without a reservation."""

    uploads_per_address: Annotated[int, Field(ge=1)] = 100
    """Open uploads of one client address. No limit for this machine unless it is set: a proxy may run here."""

    bytes_per_address: Bytes = ByteSize(128 * 1024 * MIB)
    """Bytes of these uploads, announced or received; as `uploads_per_address`."""

    bytes_max: Bytes = ByteSize(0)
    """Bytes of everything: finished files, open uploads as announced, quarantine; 0 for no limit but the disk's."""

    person_bytes_max: Bytes = ByteSize(0)
    """Bytes of a person without a limit of their own: finished files and open uploads; 0 for no limit."""

    link_bytes_max: Bytes = ByteSize(10 * 1024 * MIB)
    """Bytes of a guest link without a limit of its own: finished files and open uploads; 0 for no limit."""

    link_files_max: Annotated[int, Field(ge=0)] = 100
    """Files of a guest link without a limit of its own: finished ones and open uploads; 0 for no limit."""

    trusted_proxies: Networks = frozenset()
    """Addresses or networks, such as `10.0.0.0/8`, of proxies whose X-Forwarded-For says who the client is."""

    identity_header: str = ""
    """Header field in which a trusted proxy sends the name of the person it has signed in, such as `Remote-User`."""

    identity_unknown: Literal["refuse", "sender"] = "refuse"
    """What to do with such a name that no person has: refuse the request, or make a person with the role sender."""

    creations_per_minute: Rate = 60
    """Uploads that a person may create each minute. The rates do not count for this machine unless they are set."""

    guest_creations_per_minute: Rate = 30
    """Uploads that all others may create each minute from one address."""

    link_openings_per_minute: Rate = 30
    """Guest links that one address may open each minute."""

    unknown_ids_per_minute: Rate = 10
    """Ids and links that do not exist for which one address may ask each minute."""

    sync: Literal["slice", "upload"] = "slice"
    """Sync before a slice is acknowledged (`slice`), or at the end (`upload`): a power cut may then lose the upload."""

    connections: Annotated[int, Field(ge=1)] | None = None
    """Maximum open connections; by default as the limit of descriptors allows, at most 4096."""

    connections_per_address: Annotated[int, Field(ge=1)] = 64
    """Connections of one address, of IPv6 one /64. Loopback addresses have no limit: a proxy may run here."""

    keepalive_timeout: Seconds = 30.0
    """Seconds that a connection waits for the next request and for all of its headers."""

    request_timeout: Seconds = 30.0
    """Seconds within which a JSON body must be complete."""

    idle_timeout: Seconds = 60.0
    """Seconds without a byte after which a request's body, or a client that reads a response, is given up."""

    body_rate: Bytes = ByteSize(256)
    """Minimum bytes a second of a request's body, on the average of each `idle_timeout`."""

    verdict_wait_slice: Annotated[float, Field(ge=0)] = 0.5
    """Seconds that the response to the last slice waits for the verdict."""

    verdict_wait_form: Seconds = 300.0
    """Seconds that the response to a plain form waits for the verdict."""

    verdict_wait_append: Annotated[float, Field(ge=0)] = 20.0
    """Seconds that the last response of tus and of the IETF draft waits for the verdict."""

    interim_responses: bool = False
    """Whether clients of the IETF draft get 104 responses; proxies such as nginx break on them."""

    upload_lifetime: Seconds = 7 * DAY
    """Seconds without a new slice after which an upload expires."""

    upload_deadline: Seconds = 30 * DAY
    """Seconds after its creation at which an incomplete upload expires, even if bytes still arrive."""

    late_edits: Annotated[float, Field(ge=0)] = 900.0
    """Seconds after its end in which the sender may still change an upload's name, tags, chapters and cover."""

    take_back: Annotated[float, Field(ge=0)] = 12 * 60 * 60.0
    """Seconds after its delivery in which the sender may put their own file into the trash, and restore it."""

    quarantine_lifetime: Seconds = 7 * DAY
    """Seconds that a rejected file is kept."""

    trash_lifetime: Seconds = 30 * DAY
    """Seconds that a file is kept in the trash."""

    link_lifetime: Seconds = 30 * DAY
    """Seconds after which a new guest link expires, unless it says otherwise."""

    audit_lifetime: Seconds = 365 * DAY
    """Seconds that an entry of the audit trail is kept."""

    severities: dict[str, Literal["info", "warn", "reject"]] = {}
    """Severities of findings, by code, that differ from the table in the documentation."""

    duplicates: Literal["keep", "refuse", "link"] = "keep"
    """What to do with a file whose bytes or audio are here already: keep both, refuse it, or link to the first."""

    tag_mode: Literal["full", "provenance", "none"] = "full"
    """What is written into files: the sender's tags and the provenance, only the latter, or nothing."""

    tag_version: Literal["keep", "2.3", "2.4"] = "keep"
    """Version of the tags written; `keep` is the file's own, 2.3 if it has none."""

    cover_limit: Annotated[ByteSize, Field(ge=0, le=8 * MIB)] = ByteSize(2 * MIB)
    """Maximum bytes of a cover: a larger one that is sent is refused, a larger one in a file is a warning."""

    cover_pixels: Annotated[int, Field(ge=1)] = 4096
    """Maximum pixels of a cover's longer side; as `cover_limit`."""

    tag_workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Maximum processes that read tags; each may have 128 MiB of memory."""

    measure_loudness: bool = True
    """Whether loudness, silence and waveform of finished files are measured, if ffmpeg is installed."""

    sweep_interval: Seconds = 600.0
    """Seconds between two searches for expired uploads and files."""

    shutdown_timeout: Seconds = 8.0
    """Seconds that open requests get to end at shutdown."""

    @field_validator("base_path")
    @classmethod
    def _plain_path(cls, value: str, given: ValidationInfo) -> str:
        path = "/" + value.strip("/") if value.strip("/") else ""
        if not PATH.fullmatch(path):
            raise ValueError("it must be a path such as /media")
        if (url := given.data.get("public_url")) and urlsplit(url).path != path:
            raise ValueError("it must be the path of public_url, which is its default")
        return path

    @field_validator("s3_endpoint", "s3_region", "content")
    @classmethod
    def _of_a_store(cls, value: str, given: ValidationInfo) -> str:
        if value not in {"", "stream"} and not given.data.get("store"):
            raise ValueError("it is of no use without a store in S3")
        return value

    @field_validator("identity_header")
    @classmethod
    def _header_of_a_proxy(cls, value: str, given: ValidationInfo) -> str:
        if value and not HEADER.fullmatch(value):
            raise ValueError("it must be the name of a header field without underscores, such as Remote-User")
        if value and not given.data.get("trusted_proxies"):
            raise ValueError("anyone could send this field: set trusted_proxies to the proxy that adds it")
        return value

    @field_validator("severities")
    @classmethod
    def _known_codes(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value) - set(CODES):
            raise ValueError(f"there is no finding called {', '.join(sorted(unknown))}")
        return value

    @property
    def is_on_nodes(self) -> bool:
        """Return whether other nodes may use the same catalogue and store."""
        return bool(self.catalogue and self.store)

    @property
    def on_loopback(self) -> bool:
        """Return whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
