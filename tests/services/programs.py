"""Where the servers' programs are on this machine. `.ci/run` installs what is missing there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VERSITYGW_VERSION = "v1.8.0"
S3PROXY_VERSION = "4.1.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-service" / "bin"
"""Where `.ci/run` puts versitygw and the jar of S3Proxy."""

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the server's programs, one folder for each major version, none of them in PATH."""


class MissingProgram(Exception):
    """A server's program is not on this machine; the text names it and how to get it."""


def postgresql_programs() -> Path:
    """Return the folder of `initdb` and `postgres`, of the newest version; raise `MissingProgram` without one."""
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    path = found[-1] if found else shutil.which("postgres")
    if path is None:
        raise MissingProgram("PostgreSQL (apt-get install postgresql)")
    return Path(path).parent


def versitygw() -> Path:
    """Return the program of versitygw; raise `MissingProgram` without it."""
    cached = CACHE / f"versitygw-{VERSITYGW_VERSION}"
    path = cached if cached.exists() else shutil.which("versitygw")
    if path is None:
        raise MissingProgram(f"versitygw {VERSITYGW_VERSION} (.ci/services builds it)")
    return Path(path)


def s3proxy() -> tuple[Path, Path]:
    """Return the programs `java` and the jar of S3Proxy; raise `MissingProgram` without one of them."""
    java, jar = shutil.which("java"), CACHE / f"s3proxy-{S3PROXY_VERSION}-jar-with-dependencies.jar"
    if java is None or not jar.exists():
        raise MissingProgram(f"Java or S3Proxy {S3PROXY_VERSION} (.ci/services gets it)")
    return Path(java), jar
