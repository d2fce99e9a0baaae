"""A confined process can open, reach and harm nothing, as far as the kernel allows."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from media_service.media.workers import spawn
from media_service.media.workers.sandbox import PROTECTIONS, probe_protections
from tests.conftest import missing
from tests.media.workers.processes import child
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_service.media.workers.pool import TagWorker

PROBE = """
import json, os, socket, sys
from media_service.media.workers.sandbox import confine
port, foreign = int(sys.argv[1]), sys.argv[2]
held = confine(16, files=[0])
def tried(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"
def connect(kind, address):
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.connect(address)
found = {
    "held": held,
    "tcp": tried(lambda: connect(socket.AF_INET, ("127.0.0.1", port))),
    "udp": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))),
    "abstract": tried(lambda: connect(socket.AF_UNIX, chr(0) + f"media-service-{port}")),
    "foreign": tried(lambda: open(foreign).close()),
    "given": os.read(0, 3).decode(),
    "reopened": tried(lambda: open("/proc/self/fd/0").close()),
    "write": tried(lambda: open(os.path.dirname(foreign) + "/new", "w").close()),
    "listing": tried(lambda: os.listdir("/")),
    "parent": tried(lambda: os.kill(os.getppid(), 0)),
    "memory": tried(lambda: open(f"/proc/{os.getppid()}/mem", "rb").close()),
}
print(json.dumps(found))
"""


@pytest.fixture
def listener() -> Iterator[int]:
    """Yield a listening port, whose number names an abstract socket too."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        port: int = server.getsockname()[1]
        abstract.bind(f"\0media-service-{port}")
        abstract.listen()
        yield port


def probe(tmp_path: Path, port: int) -> dict[str, Any]:
    """Return what a process can do that was confined like a tag worker."""
    (given := tmp_path / "given").write_text("yes")
    (foreign := tmp_path / "admin-token").write_text("secret")
    with given.open("rb") as file:
        command = [sys.executable, "-c", PROBE, str(port), str(foreign)]
        output = subprocess.run(command, stdin=file, capture_output=True, check=True).stdout
    found: dict[str, Any] = json.loads(output)
    return found


def needs(found: dict[str, Any], name: str) -> None:
    """Skip if this machine lacks the protection."""
    if name not in found["held"]:
        missing(f"{name} on this machine")


def test_other_files_cannot_be_opened(tmp_path: Path, listener: int) -> None:
    found = probe(tmp_path, listener)
    assert found["given"] == "yes"
    needs(found, "no_files")
    assert [found[kind] for kind in ("foreign", "write", "listing", "memory")] == ["PermissionError"] * 4
    assert found["reopened"] == "done"
    assert not (tmp_path / "new").exists()


def test_network_is_unreachable(tmp_path: Path, listener: int) -> None:
    found = probe(tmp_path, listener)
    needs(found, "no_network")
    assert {found["tcp"], found["udp"], found["abstract"]} <= {"PermissionError", "OSError", "ConnectionRefusedError"}


def environment(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


async def test_running_worker_has_no_secrets_privileges_or_network(
    worker: TagWorker, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_PROBE", "secret")
    path.write_bytes(make_mp3(1))
    await worker.call("measure", path)
    pid, held = await child(), probe_protections()
    assert {entry.partition(b"=")[0].decode() for entry in environment(pid) if entry} <= set(spawn.INHERITED_VARIABLES)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    if "no_network" in held:
        assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    limits = [resource.prlimit(pid, kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    assert limits == [(8, 8), (0, 0)]


async def test_worker_has_only_the_file_of_the_request(worker: TagWorker, path: Path) -> None:
    path.write_bytes(make_mp3(1))
    for _ in range(3):
        await worker.call("measure", path)
        await worker.call("plan", path, tags={"title": "x"})
        await worker.call("cover", path, limit=1000)
    opened = [str(entry.readlink()) for entry in Path(f"/proc/{await child()}/fd").iterdir()]
    assert len(opened) == 4
    assert not any(name.startswith(str(path.parent)) for name in opened)


def test_protections_of_this_machine_are_reported() -> None:
    held = probe_protections()
    assert set(held) <= set(PROTECTIONS)
    assert {"no_new_privileges", "no_capabilities"} <= set(held)
