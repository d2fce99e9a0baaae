"""tuspy, the Python client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.mp3 import make_mp3_of
from tests.support.registry import pip_package

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server

MIB = 1024 * 1024
VERSION = "1.1.0"
SCRIPT = """
import sys
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage
endpoint, file, checksum, storage, stop_at = sys.argv[1:]
uploader = TusClient(endpoint).uploader(
    file, chunk_size=2 * 1024 * 1024, metadata={"filename": "tuspy.mp3"}, upload_checksum=checksum == "yes",
    store_url=True, url_storage=FileStorage(storage),
)
print(uploader.offset)
uploader.upload(stop_at=int(stop_at) or None)
"""


@pytest.mark.parametrize("checksum", ["yes", "no"])
def test_uploads_and_resumes(shared_server: Server, tmp_path: Path, checksum: str) -> None:
    client = pip_package("tuspy", VERSION)
    whole = make_mp3_of(9 * MIB, seed=111 + len(checksum))
    source, storage = tmp_path / "source.mp3", tmp_path / "urls.json"
    source.write_bytes(whole)

    def run(stop_at: int) -> int:
        command = [sys.executable, "-c", SCRIPT, f"{shared_server.url}/tus/", str(source), checksum, str(storage)]
        path = {**os.environ, "PYTHONPATH": str(client)}
        return int(subprocess.check_output([*command, str(stop_at)], env=path, text=True))

    assert [run(4 * MIB), run(0)] == [0, 4 * MIB]
    assert any(path.read_bytes().endswith(whole) for path in shared_server.spool.glob("tuspy*.mp3"))


REFUSED = """
import sys
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
endpoint, file = sys.argv[1:]
uploader = TusClient(endpoint).uploader(file, chunk_size=2 * 1024 * 1024, metadata={"filename": "refused.mp3"})
try:
    uploader.upload()
except TusCommunicationError as error:
    print(error.status_code, uploader.offset, error.response_content.decode())
"""


def test_hears_why_a_file_is_refused(shared_server: Server, tmp_path: Path) -> None:
    source, whole = tmp_path / "damaged.mp3", make_mp3_of(5 * MIB, seed=119)
    source.write_bytes(whole[: 4 * MIB] + bytes(50_000) + whole[4 * MIB + 50_000 :])
    command = [sys.executable, "-c", REFUSED, f"{shared_server.url}/tus/", str(source)]
    path = {**os.environ, "PYTHONPATH": str(pip_package("tuspy", VERSION))}
    status, offset, problem = subprocess.check_output(command, env=path, text=True).split(" ", 2)
    assert (int(status), int(offset)) == (422, 4 * MIB)
    assert json.loads(problem)["finding"] == "zero_hole"
