"""Where the objects are: bucket, prefix and server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.ASCII)
"""Bucket and prefix; the rule for names is S3's."""

Addressing = Literal["auto", "path", "virtual"]


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket, and the prefix of all keys in it: empty, or ending in a slash.

    `endpoint` is the server's URL, empty for Amazon's. Without a `region` the AWS configuration has it.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    addressing: Addressing = "auto"

    @classmethod
    def parse(cls, url: str, *, endpoint: str = "", region: str = "", addressing: Addressing = "auto") -> Self:
        """Return the location that `s3://bucket/prefix` names. Raise ValueError."""
        match = _URL.fullmatch(url)
        if match is None:
            raise ValueError("it must be s3://bucket or s3://bucket/prefix")
        prefix = (match[2] or "").strip("/")
        return cls(match[1], prefix and prefix + "/", endpoint.rstrip("/"), region, addressing)
