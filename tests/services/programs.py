"""Where the servers' programs are on this machine. `.ci/run` installs what is missing there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

VERSITYGW_VERSION = "v1.8.0"
S3PROXY_VERSION = "4.1.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-service" / "bin"
"""Where `.ci/run` puts versitygw and the jar of S3Proxy."""

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the server's programs, one folder for each major version, none of them in PATH."""


def _missing(what: str) -> NoReturn:
    """Skip the test; in CI that is a failure, since CI installs them all."""
    pytest.skip(f"SKIPPED FOR WANT OF {what}")


def postgresql_programs() -> Path:
    """Return the folder of `initdb` and `postgres`, of the newest version; skip the test without one."""
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    path = found[-1] if found else shutil.which("postgres")
    if path is None:
        _missing("PostgreSQL (apt-get install postgresql)")
    return Path(path).parent


def versitygw() -> Path:
    """Return the program of versitygw; skip the test without it."""
    cached = CACHE / f"versitygw-{VERSITYGW_VERSION}"
    path = cached if cached.exists() else shutil.which("versitygw")
    if path is None:
        _missing(f"versitygw {VERSITYGW_VERSION} (.ci/services builds it)")
    return Path(path)


def s3proxy() -> tuple[Path, Path]:
    """Return the programs `java` and the jar of S3Proxy; skip the test without one of them."""
    java, jar = shutil.which("java"), CACHE / f"s3proxy-{S3PROXY_VERSION}-jar-with-dependencies.jar"
    if java is None or not jar.exists():
        _missing(f"Java or S3Proxy {S3PROXY_VERSION} (.ci/services gets it)")
    return Path(java), jar
