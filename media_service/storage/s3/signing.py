"""Sign requests with AWS Signature Version 4 over digests that are already known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobotocore.credentials import AioCredentials

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes, in hexadecimal."""


class _KnownPayloadAuth(S3SigV4Auth):
    """Signs a payload by its known SHA-256, where botocore would read the body for it."""

    def payload(self, request: AWSRequest) -> str:
        """Return the SHA-256 in hexadecimal."""
        return str(request.context["sha256"])


class Signer:
    """Signs with credentials that are refreshed when they expire."""

    def __init__(self, credentials: AioCredentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    async def sign(self, method: str, url: str, headers: Mapping[str, str], sha256: str) -> dict[str, str]:
        """Return the headers with a signature of all of them and of a body of this SHA-256 (hexadecimal).

        The server refuses a body with another one. It may also be what S3 defines in its place. Raise botocore's errors
        if the credentials cannot be refreshed.
        """
        request = AWSRequest(method=method, url=url, headers=headers)
        request.context["sha256"] = sha256
        credentials = await self._credentials.get_frozen_credentials()
        _KnownPayloadAuth(credentials, "s3", self._region).add_auth(request)
        return dict(request.headers.items())
