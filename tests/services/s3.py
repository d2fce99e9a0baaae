"""S3 servers of the tests' own: versitygw (Go) and S3Proxy (Java), two code bases. And their buckets."""

from __future__ import annotations

import secrets
import shutil
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from tests.services.process import ServerProcess
from tests.services.programs import s3proxy, versitygw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACCESS_KEY = "testkey"
SECRET_KEY = "testsecret"
REGION = "us-east-1"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""How AWS's libraries read the credentials from the environment, and ask no cloud for others."""

S3PROXY_SETTINGS = """\
s3proxy.authorization=aws-v2-or-v4
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.identity={key}
s3proxy.credential={secret}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={data}
"""


JVM_OPTIONS = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Of the time that a run takes, the optimizing compiler and the parallel collector took more than they saved: 2,400
requests take 7 seconds of processor time instead of 18."""


class S3Server(ServerProcess):
    """A server whose objects are files below `data`, which must be on a file system with user attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = self.folder / "data"
        self.data.mkdir()

    @property
    def buckets(self) -> Buckets:
        """Return its buckets."""
        return Buckets(f"http://127.0.0.1:{self.port}", str(self.data))

    def is_ready(self) -> bool:
        """Return whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class VersityGateway(S3Server):
    """versitygw. It never syncs."""

    name = "versitygw"

    @staticmethod
    def require() -> None:
        """Skip the test if versitygw is not on this machine."""
        versitygw()

    def command(self) -> Sequence[str | Path]:
        """Return the command line."""
        options = ("--port", f"127.0.0.1:{self.port}", "--quiet", "--keep-alive", "--region", REGION)
        return [versitygw(), *options, "posix", self.data]

    def environment(self) -> Mapping[str, str]:
        """Return the credentials that it accepts."""
        return {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}


class S3Proxy(S3Server):
    """S3Proxy, with files beneath it. It needs 1.5 s to start."""

    name = "s3proxy"

    @staticmethod
    def require() -> None:
        """Skip the test if Java or the jar is not on this machine."""
        s3proxy()

    def command(self) -> Sequence[str | Path]:
        """Return the command line; write its settings."""
        java, jar = s3proxy()
        settings = self.folder / "s3proxy.conf"
        settings.write_text(S3PROXY_SETTINGS.format(port=self.port, key=ACCESS_KEY, secret=SECRET_KEY, data=self.data))
        return [java, *JVM_OPTIONS, "-jar", jar, "--properties", settings]


@cache
def _client(endpoint: str) -> Any:
    """Return the client of this process: to make one takes 0.2 seconds, because it parses botocore's descriptions."""
    session = botocore.session.Session()
    session.set_credentials(ACCESS_KEY, SECRET_KEY)
    options = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return session.create_client("s3", region_name=REGION, endpoint_url=endpoint, config=options)


@dataclass(frozen=True)
class Buckets:
    """The buckets of a running server: its URL, and the folder in which it has a folder for each bucket."""

    endpoint: str
    data: str

    def create(self) -> str:
        """Make a bucket; return its name."""
        name = f"test-{secrets.token_hex(8)}"
        self.client().create_bucket(Bucket=name)
        return name

    def drop(self, name: str) -> None:
        """Remove the bucket with all that is in it: of its files, which takes one step instead of one per object."""
        shutil.rmtree(Path(self.data) / name, ignore_errors=True)

    def client(self) -> Any:
        """Return botocore's client, with which tests look at objects around our code."""
        return _client(self.endpoint)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys of the objects of a bucket, in their order."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]
