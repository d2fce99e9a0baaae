"""Where a service of the tests keeps its files, and how a test looks at them: in its data folder, or in a bucket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tests.services.s3 import CREDENTIALS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.s3 import Buckets


class Store(Protocol):
    """The files of one service. Those that are not finished are named by their upload."""

    def settings(self) -> dict[str, object]:
        """Return the settings that name this store."""

    def environment(self) -> dict[str, str]:
        """Return the variables that have its credentials."""

    def names(self) -> list[str]:
        """Return the names of the finished files."""

    def read(self, name: str) -> bytes:
        """Return a finished file."""

    def remove(self, name: str) -> None:
        """Take a finished file out of the spool, as its readers do."""

    def unfinished(self) -> list[str]:
        """Return the ids of the uploads of which it has bytes, neither finished nor rejected."""

    def read_slice(self, upload_id: str, start: int, stop: int, name: str | None) -> bytes:
        """Return the bytes of a recorded slice, whose object has `name`; raise `FileNotFoundError` without them."""

    def lose(self, upload_id: str) -> None:
        """Lose what has come of an upload."""

    def assembled(self) -> list[str]:
        """Return the names of files that are assembled and not published."""

    def rejected(self) -> list[str]:
        """Return the ids of the uploads in the quarantine."""

    def read_rejected(self, upload_id: str) -> bytes:
        """Return a file in the quarantine."""

    def read_report(self, upload_id: str) -> dict[str, Any]:
        """Return the report that says why it is there."""


@dataclass(frozen=True)
class FolderStore:
    """Files in the data folder."""

    data: Path

    def settings(self) -> dict[str, object]:
        return {}

    def environment(self) -> dict[str, str]:
        return {}

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.data / "spool" / "mp3").iterdir())

    def read(self, name: str) -> bytes:
        return (self.data / "spool" / "mp3" / name).read_bytes()

    def remove(self, name: str) -> None:
        (self.data / "spool" / "mp3" / name).unlink()

    def unfinished(self) -> list[str]:
        return sorted(path.stem for path in (self.data / "partials").iterdir())

    def read_slice(self, upload_id: str, start: int, stop: int, name: str | None) -> bytes:
        with (self.data / "partials" / f"{upload_id}.partial").open("rb") as partial:
            partial.seek(start)
            return partial.read(stop - start)

    def lose(self, upload_id: str) -> None:
        (self.data / "partials" / f"{upload_id}.partial").unlink()

    def assembled(self) -> list[str]:
        return sorted(path.name for path in (self.data / "spool" / ".incoming").iterdir())

    def rejected(self) -> list[str]:
        return sorted(path.stem for path in (self.data / "quarantine").glob("*.rejected"))

    def read_rejected(self, upload_id: str) -> bytes:
        return (self.data / "quarantine" / f"{upload_id}.rejected").read_bytes()

    def read_report(self, upload_id: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.data / "quarantine" / f"{upload_id}.json").read_bytes())
        return report


@dataclass(frozen=True)
class ObjectStore:
    """Objects below a prefix of a bucket."""

    buckets: Buckets
    bucket: str
    prefix: str

    def settings(self) -> dict[str, object]:
        return {"store": f"s3://{self.bucket}/{self.prefix}", "s3_endpoint": self.buckets.endpoint}

    def environment(self) -> dict[str, str]:
        return CREDENTIALS

    def names(self) -> list[str]:
        return self._below("spool/")

    def read(self, name: str) -> bytes:
        return self._get(f"spool/{name}")

    def remove(self, name: str) -> None:
        self._delete(f"spool/{name}")

    def unfinished(self) -> list[str]:
        return sorted({key.partition("/")[0] for key in self._below("uploads/")})

    def read_slice(self, upload_id: str, start: int, stop: int, name: str | None) -> bytes:
        return self._get(f"uploads/{upload_id}/{start}-{stop}-{name}")

    def lose(self, upload_id: str) -> None:
        for key in self._below(f"uploads/{upload_id}/"):
            self._delete(f"uploads/{upload_id}/{key}")

    def assembled(self) -> list[str]:
        return self._below("incoming/")

    def rejected(self) -> list[str]:
        return [key for key in self._below("quarantine/") if not key.endswith(".json")]

    def read_rejected(self, upload_id: str) -> bytes:
        return self._get(f"quarantine/{upload_id}")

    def read_report(self, upload_id: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self._get(f"quarantine/{upload_id}.json"))
        return report

    def multipart_uploads(self) -> list[str]:
        """Return the keys of multipart uploads that are neither completed nor aborted."""
        listed = self.buckets.client().list_multipart_uploads(Bucket=self.bucket)
        return [found["Key"] for found in listed.get("Uploads", []) if found["Key"].startswith(f"{self.prefix}/")]

    def _below(self, folder: str) -> list[str]:
        start = f"{self.prefix}/{folder}"
        return [key.removeprefix(start) for key in self.buckets.keys(self.bucket, start)]

    def _get(self, key: str) -> bytes:
        client = self.buckets.client()
        try:
            found: dict[str, Any] = client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")
        except client.exceptions.NoSuchKey as error:
            raise FileNotFoundError(key) from error
        content: bytes = found["Body"].read()
        return content

    def _delete(self, key: str) -> None:
        self.buckets.client().delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")
