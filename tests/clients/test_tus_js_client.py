"""tus-js-client in Node: the client that most pages use, in tus 1.0 and in the IETF drafts that it speaks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import missing
from tests.support.mp3 import make_mp3_of
from tests.support.registry import npm_package
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
SCRIPT = Path(__file__).with_name("upload.cjs")
VERSION = "4.3.1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.mp3"
    path.write_bytes(make_mp3_of(64 * MIB, seed=101))
    return path


class Client:
    """Runs the client in a process of its own."""

    def __init__(self, file: Path) -> None:
        if shutil.which("node") is None:
            missing("node")
        self._modules = npm_package("tus-js-client", VERSION)
        self._file = file

    def start(self, server: Server, door: str = "tus", **options: Any) -> subprocess.Popen[str]:
        given = {"file": str(self._file), "endpoint": f"{server.url}/{door}/", "chunkSize": 5 * MIB, **options}
        return subprocess.Popen(
            ["node", str(SCRIPT), json.dumps(given)],
            stdout=subprocess.PIPE,
            env={**os.environ, "NODE_PATH": str(self._modules)},
            text=True,
        )

    def run(self, server: Server, door: str = "tus", **options: Any) -> list[dict[str, Any]]:
        with self.start(server, door, **options) as process:
            assert process.stdout is not None
            said = [json.loads(line) for line in process.stdout]
        assert process.returncode == 0, said
        return said


@pytest.fixture
def client(whole: Path) -> Client:
    return Client(whole)


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    with Server(data, workers=2, disk_reserve=0) as server:
        yield server


def check_spooled(server: Server, whole: Path, name: str = "client.mp3") -> None:
    """Assert that the spooled file is our tag, then the audio as it was sent."""
    with (server.spool / name).open("rb") as spooled:
        spooled.seek(-whole.stat().st_size, os.SEEK_END)
        digest = hashlib.file_digest(spooled, "sha256").hexdigest()
    assert digest == hashlib.sha256(whole.read_bytes()).hexdigest()


def test_in_pieces(client: Client, server: Server, whole: Path) -> None:
    said = client.run(server)
    assert len([event for event in said if event["event"] == "accepted"]) == 13
    check_spooled(server, whole)


def test_in_one_request(client: Client, server: Server, whole: Path) -> None:
    client.run(server, chunkSize=None)
    check_spooled(server, whole)


def test_with_the_data_in_the_creation(client: Client, server: Server, whole: Path) -> None:
    client.run(server, uploadDataDuringCreation=True)
    check_spooled(server, whole)


def test_in_three_parts_at_once(client: Client, server: Server, whole: Path) -> None:
    client.run(server, parallelUploads=3)
    check_spooled(server, whole)
    assert not list(server.partials.iterdir())


def test_of_a_stream_whose_length_shows_at_its_end(client: Client, server: Server, whole: Path) -> None:
    client.run(server, stream=True, uploadLengthDeferred=True)
    check_spooled(server, whole)


def test_resumed_by_another_process_after_abort_and_kill(
    client: Client, server: Server, whole: Path, tmp_path: Path
) -> None:
    storage = str(tmp_path / "urls.json")
    said = client.run(server, storage=storage, abortAt=20 * MIB)
    assert said[-1] == {"event": "aborted"}
    server.restart()
    said = client.run(server, storage=storage)
    accepted = [event["accepted"] for event in said if event["event"] == "accepted"]
    assert accepted[0] >= 25 * MIB, "what was acknowledged is not sent again"
    check_spooled(server, whole)


@pytest.mark.parametrize(
    ("door", "options"), [("tus", {}), ("rufh", {"protocol": "ietf-draft-03"}), ("rufh", {"protocol": "ietf-draft-05"})]
)
def test_goes_on_by_itself_when_the_server_is_killed(
    client: Client, server: Server, whole: Path, door: str, options: dict[str, Any]
) -> None:
    with client.start(server, door, **options) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("accepted", 0) >= 20 * MIB:
                break
        server.restart()
        events = [json.loads(line) for line in process.stdout]
    assert events[-1]["event"] == "success", events
    check_spooled(server, whole)


@pytest.mark.parametrize("protocol", ["ietf-draft-03", "ietf-draft-05"])
def test_speaks_the_drafts(client: Client, server: Server, whole: Path, protocol: str) -> None:
    client.run(server, "rufh", protocol=protocol)
    check_spooled(server, whole)


DAMAGED_SIZE = 12 * MIB
REFUSED = {
    "damaged": ("damaged", "audio is missing inside the file"),
    "words": ("not_mp3", "another kind of file"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return files that are refused: one with a hole in its last chunk, one whose first MiB shows its kind."""
    folder, sound = tmp_path_factory.mktemp("refused"), make_mp3_of(DAMAGED_SIZE, seed=103)
    hole = DAMAGED_SIZE - MIB
    contents = {
        "damaged": sound[:hole] + bytes(100_000) + sound[hole + 100_000 :],
        "words": b"these are words\n" * (DAMAGED_SIZE // 16),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


@pytest.mark.parametrize("source", [{}, {"buffer": True}, {"buffer": True, "chunkSize": None}])
@pytest.mark.parametrize(
    ("door", "options"), [("tus", {}), ("rufh", {"protocol": "ietf-draft-03"}), ("rufh", {"protocol": "ietf-draft-05"})]
)
@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_file_is_sent_once_and_the_client_says_why(
    shared_server: Server,
    refused: dict[str, Path],
    kind: str,
    door: str,
    options: dict[str, Any],
    source: dict[str, Any],
) -> None:
    before = set(shared_server.spool.iterdir())
    with Client(refused[kind]).start(shared_server, door, **options, **source) as process:
        assert process.stdout is not None
        said = [json.loads(line) for line in process.stdout]
    code, reason = REFUSED[kind]
    assert said[-1]["event"] == "error"
    assert all(part in said[-1]["message"] for part in ("response code: 422", f'"code": "{code}"', reason))
    (created, *patches) = [event for event in said if event["event"] == "answered"]
    assert (created["method"], created["status"]) == ("POST", 201)
    assert {patch["method"] for patch in patches} == {"PATCH"}
    starts = [patch["at"] for patch in patches]
    assert starts == [at * 5 * MIB for at in range(len(patches))], "no byte is sent twice"
    if kind == "damaged":
        assert len(patches) == (1 if "chunkSize" in source else 3)
    assert patches[-1]["status"] == 422
    assert set(shared_server.spool.iterdir()) == before
