"""The connection to one bucket: credentials, the bucket's URL, and both ways to send requests."""

from __future__ import annotations

import socket
import ssl
from contextlib import AsyncExitStack
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path
from yarl import URL

from media_service.storage.s3.errors import StoreUnusable
from media_service.storage.s3.http import CONNECT_SECONDS, IDLE_SECONDS, SignedHttp
from media_service.storage.s3.retries import CONNECTION_ERRORS, retried
from media_service.storage.s3.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from aiobotocore.session import AioSession
    from types_aiobotocore_s3.client import S3Client as BotocoreClient

    from media_service.storage.s3.location import S3Location

T = TypeVar("T")

CONNECTIONS = 32
"""Most connections of a process for bytes, and as many for small requests; others wait for a free one."""

COPYING_SECONDS = {"UploadPartCopy": 600.0, "CompleteMultipartUpload": 3600.0}
"""How long a server may send nothing while it copies: some answer only when they have copied all bytes. versitygw put 4
GiB together in 10 s, and 20 GiB on a busy machine in 195 s; a copied part has up to 256 MiB. A request that is given up
and sent again would be copied twice, and a file that takes longer would never be finished: 64 GiB take an hour at 18
MiB/s."""

SOCKET_OPTIONS = (
    (socket.TCP_KEEPIDLE, 60),
    (socket.TCP_KEEPINTVL, 30),
    (socket.TCP_KEEPCNT, 4),
    (socket.TCP_USER_TIMEOUT, 180_000),
)
"""Probes of a silent connection: they also keep load balancers from dropping it, which do so after minutes. While bytes
are not acknowledged there are no probes, and Linux gives up after 15 minutes: the last option makes these three."""

_PROBE = "probe"


@cache
def process_session() -> AioSession:
    """Return the session of this process, because a new one parses botocore's description of S3 again: 0.1 s."""
    return get_session()


def _authorities(session: AioSession) -> ssl.SSLContext:
    """Return what trusts the authorities of botocore, which AWS_CA_BUNDLE replaces. Loading these takes 30 ms."""
    return ssl.create_default_context(cafile=get_cert_path(session.get_config_variable("ca_bundle") or True))


class S3Connection:
    """Parts that requests to one bucket need. Open it as an async context manager, which raises StoreUnusable."""

    def __init__(self, location: S3Location, *, connections: int = CONNECTIONS) -> None:
        self._location = location
        self._connections = connections
        self._resources = AsyncExitStack()
        self.s3: BotocoreClient
        self.http: SignedHttp
        self._base_url = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as resources:
            await self._open(resources)
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._resources.aclose()

    async def _open(self, resources: AsyncExitStack) -> None:
        session = process_session()
        region = self._location.region or session.get_config_variable("region") or "us-east-1"
        endpoint = self._location.endpoint or None
        self.s3 = await resources.enter_async_context(
            session.create_client("s3", region_name=region, endpoint_url=endpoint, config=self._config())
        )
        for operation, seconds in COPYING_SECONDS.items():
            self.s3.meta.events.register(f"before-call.s3.{operation}", partial(_set_timeout, seconds))
        try:
            credentials = await session.get_credentials()
        except BotoCoreError as error:
            raise StoreUnusable(f"the credentials for the object store cannot be read: {error}") from error
        if credentials is None:
            raise StoreUnusable("there are no credentials for the object store: set AWS_ACCESS_KEY_ID or AWS_PROFILE")
        # botocore's rules decide whether the bucket is in the path or in the host's name.
        url = (await self.presigned(_PROBE, 60, {})).partition("?")[0]
        self._base_url = url.removesuffix(quote(self.full(_PROBE)))
        context = _authorities(session) if url.startswith("https:") else True
        self.http = SignedHttp(Signer(credentials, region), context, self._connections)
        resources.push_async_callback(self.http.close)

    def _config(self) -> AioConfig:
        return AioConfig(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=IDLE_SECONDS,
            max_pool_connections=self._connections,
            connector_args={"socket_factory": _open_socket},
            s3={"addressing_style": self._location.addressing},
            signature_version="s3v4",
            # `retried` repeats all requests, those of `SignedHttp` too.
            retries={"mode": "standard", "total_max_attempts": 1},
            # Not all servers know the checksums that newer versions of botocore would add.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    async def check(self) -> None:
        """Raise StoreUnusable if the bucket does not exist or must not be used."""
        try:
            await self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self._location.prefix, MaxKeys=1)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise StoreUnusable(f"the object store refuses the bucket {self.bucket}: {code}") from error
        except (BotoCoreError, *CONNECTION_ERRORS) as error:
            raise StoreUnusable(f"the object store cannot be reached: {error}") from error

    @property
    def bucket(self) -> str:
        """Return the bucket's name."""
        return self._location.bucket

    @property
    def origin(self) -> str:
        """Return scheme, host and port of the objects' URLs."""
        return str(URL(self._base_url).origin())

    def full(self, key: str) -> str:
        """Return the key in the bucket."""
        return self._location.prefix + key

    def short(self, key: str) -> str:
        """Return the key below the prefix."""
        return key.removeprefix(self._location.prefix)

    def url(self, key: str) -> str:
        """Return an object's URL, to be signed."""
        return self._base_url + quote(self.full(key))

    async def call(self, operation: str, key: str, method: Callable[..., Awaitable[T]], **arguments: Any) -> T:
        """Return what a method of `s3` returns for an object, or a prefix; raise as `retried`."""
        name = "Prefix" if operation.startswith("List") else "Key"
        target: dict[str, Any] = {"Bucket": self.bucket, name: self.full(key), **arguments}
        return await retried(operation, key, lambda: method(**target))

    async def presigned(self, key: str, seconds: int, response: Mapping[str, str]) -> str:
        """Return a URL from which anybody can read the object for some seconds.

        `response`: `ResponseContentType` and other parameters of GetObject that set headers of the response.
        """
        target: dict[str, Any] = {"Bucket": self.bucket, "Key": self.full(key), **response}
        return await self.s3.generate_presigned_url("get_object", Params=target, ExpiresIn=seconds)


def _set_timeout(seconds: float, context: dict[str, Any], **_: Any) -> None:
    """Set the timeout of this one request (botocore's pull request 3770)."""
    context["read_timeout"] = seconds


def _open_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket that breaks within three minutes when its peer is gone."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in SOCKET_OPTIONS:
        opened.setsockopt(socket.IPPROTO_TCP, option, value)
    return opened
