"""Types of settings that more than their Python type restricts."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field

PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_HOST = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_PUBLIC_URL = re.compile(rf"https?://{_HOST}{PATH.pattern}/?", re.ASCII)
_ENDPOINT_URL = re.compile(rf"https?://{_HOST}/?", re.ASCII)
_DATABASE_URL = re.compile(r"postgresql://[!-~]+", re.ASCII)

_STORE_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()-]+)*/?", re.ASCII)
"""A bucket, and a prefix of the characters that S3 calls safe in keys."""

_OTHER_SCHEME = re.compile(r"(?!https?://|mailto:)[a-z][a-z0-9+.-]*:(//|\S*\()", re.IGNORECASE)
"""Match the beginning of a URL such as `ftp://…` or `javascript:…()`, not a text such as `Tel: 02-123`."""


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it must be one line of text")
    return value.strip()


def _no_other_scheme(value: str) -> str:
    if _OTHER_SCHEME.match(value):
        raise ValueError("a URL must begin with https:, http: or mailto:")
    return value


def _public_url(value: str) -> str:
    if value and not _PUBLIC_URL.fullmatch(value):
        raise ValueError("it must be a URL such as https://radio.example/media")
    parts = urlsplit(value)
    if value and parts.port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")).geturl()


def _database_url(value: str) -> str:
    # The rest is the client library's to read. No message may quote it: it may have a password.
    if value and not _DATABASE_URL.fullmatch(value):
        raise ValueError("it must be empty or a URL such as postgresql://media@db.example/media")
    return value


def _store_url(value: str) -> str:
    if value and not _STORE_URL.fullmatch(value):
        raise ValueError("it must be empty or a URL such as s3://bucket/prefix")
    if {".", ".."} & set(value.split("/")):
        raise ValueError("its prefix must not have a part . or ..")
    return value.rstrip("/")


def _endpoint_url(value: str) -> str:
    if value and not _ENDPOINT_URL.fullmatch(value):
        raise ValueError("it must be a URL such as https://s3.example:9000, without a path or a password")
    return value.rstrip("/")


def _networks(value: frozenset[str]) -> frozenset[str]:
    for network in value:
        try:
            ip_network(network)
        except ValueError as error:
            raise ValueError(f"{error}; an address or a network such as 10.0.0.0/8 is needed") from None
    return value


Bytes = Annotated[ByteSize, Field(ge=0)]
Rate = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
StationName = Annotated[str, Field(max_length=100), AfterValidator(_one_line)]
Contact = Annotated[str, Field(max_length=300), AfterValidator(_one_line), AfterValidator(_no_other_scheme)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
EndpointUrl = Annotated[str, AfterValidator(_endpoint_url)]
Networks = Annotated[frozenset[str], AfterValidator(_networks)]
