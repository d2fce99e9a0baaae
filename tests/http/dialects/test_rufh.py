"""Resumable Uploads for HTTP, requirement by requirement: a test is named by the number of its requirement.

What each number asks for stands in `tests/test_requirements.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.mp3 import make_mp3, make_mp3_of
from tests.support.server import Server
from tests.support.wire import WireResponse, boundaries, cut, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import Api

MIB = 1024 * 1024
MP3 = make_mp3(2, seed=81)
DAMAGED = MP3[:9000] + bytes(9000) + MP3[18_000:]
PROBLEMS = "https://iana.org/assignments/http-problem-types#"
VERSIONS = (5, 6, 8, 9, 10, None)
PATCH = {"Content-Type": "application/partial-upload"}


def digest(name: str, algorithm: str, data: bytes) -> dict[str, str]:
    value = base64.b64encode(hashlib.new(algorithm.replace("-", ""), data).digest()).decode()
    return {name: f"{algorithm}=:{value}:"}


class Rufh:
    """A client of one interoperability version, with a new connection for every request."""

    def __init__(self, server: Server, version: int | None = None) -> None:
        self.server = server
        self.version = {} if version is None else {"Upload-Draft-Interop-Version": str(version)}

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> WireResponse:
        return await send(self.server.port, request(method, path, {**self.version, **headers}, body))

    async def create(self, body: bytes = b"", complete: str = "?0", **headers: str) -> WireResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", "/rufh/", {"Upload-Complete": complete, **named}, body)

    async def patch(self, path: str, at: int, body: bytes, complete: str = "?0", **headers: str) -> WireResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {**PATCH, "Upload-Offset": str(at), "Upload-Complete": complete, **named}
        return await self.ask("PATCH", path, fields, body)

    async def head(self, path: str) -> WireResponse:
        return await self.ask("HEAD", path, {})

    async def offset(self, path: str) -> int:
        return (await self.head(path)).offset


@pytest.fixture
def rufh(shared_server: Server) -> Rufh:
    return Rufh(shared_server)


@pytest.fixture(scope="module")
def interim_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that sends 104s."""
    folder = tmp_path_factory.mktemp("interim_server") / "data"
    with Server(folder, disk_reserve=0, interim_responses=True) as server:
        yield server


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_r1_r6_single_request_gets_the_response_of_a_post(rufh: Rufh, method: str) -> None:
    for fields in ({"Upload-Complete": "?1"}, {}):
        answer = await rufh.ask(method, "/rufh/", fields, MP3)
        assert (answer.status, answer["Upload-Complete"], answer.offset) == (201, "?1", len(MP3))
        assert answer.json["state"] == "spooled"


@pytest.mark.parametrize("value", ["1", "true", "?2", "?0, ?0", '"?0"', "(?0)", "?0;;"])
async def test_r1_r2_invalid_structured_field_counts_as_missing(rufh: Rufh, value: str) -> None:
    assert (await rufh.create(MP3, value)).status == 201
    path = (await rufh.create()).location
    assert (await rufh.patch(path, 0, b"x", value)).status == 400
    assert (await rufh.patch(path, 0, b"x", Upload_Offset="-0.5")).status == 400
    assert await rufh.offset(path) == 0


async def test_r2_structured_fields_may_have_parameters_and_spaces(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    assert (await rufh.patch(path, 0, b"x", " ?0;note=1 ", Upload_Offset="  0;a  ")).status == 204


@pytest.mark.parametrize("version", [6, 8, 9, 10])
async def test_r3_r4_r7_r22_104s_have_location_then_offsets(interim_server: Server, version: int) -> None:
    rufh = Rufh(interim_server, version)
    whole = make_mp3_of(9 * MIB, seed=82)
    answer = await rufh.create(whole)
    first, *later = answer.interim
    assert {interim.status for interim in answer.interim} == {104}
    assert {interim["Upload-Draft-Interop-Version"] for interim in answer.interim} == {str(version)}
    assert (first.location, first["Upload-Limit"] is not None) == (answer.location, True)
    assert [(interim.offset, interim["Location"]) for interim in later] == [(8 * MIB, None), (len(whole), None)]


@pytest.mark.parametrize(("version", "progress"), [(3, False), (5, True)])
async def test_r22_progress_is_sent_from_version_5_on(interim_server: Server, version: int, *, progress: bool) -> None:
    answer = await Rufh(interim_server, version).ask("POST", "/rufh/", flag(version, last=True), MP3)
    first, *later = answer.interim
    assert (first.location.startswith("/rufh/"), answer.status) == (True, 201)
    assert [interim["Upload-Offset"] for interim in later] == ([str(len(MP3))] if progress else [])


async def test_r4_no_104_without_a_known_version_or_if_disabled(rufh: Rufh, interim_server: Server) -> None:
    for client in (
        rufh,
        Rufh(rufh.server, 8),
        Rufh(interim_server),
        Rufh(interim_server, 7),
        Rufh(interim_server, 99),
    ):
        answer = await client.create(MP3[:10])
        assert (answer.status, answer.interim) == (201, [])


async def test_r4_responses_have_the_clients_version(rufh: Rufh) -> None:
    for version in VERSIONS:
        answer = await Rufh(rufh.server, version).create()
        assert answer["Upload-Draft-Interop-Version"] == (None if version is None else str(version))


@pytest.mark.parametrize("version", VERSIONS)
async def test_r5_r18_r19_a_file_in_three_requests(rufh: Rufh, version: int | None) -> None:
    client = Rufh(rufh.server, version)
    created = await client.create(MP3[:100], Content_Disposition='inline; filename="three.mp3"')
    assert (created.status, created.offset, created["Upload-Complete"]) == (201, 100, "?0")
    assert "max-size=" in (created["Upload-Limit"] or "")
    path = created.location
    appended = await client.patch(path, 100, MP3[100:200])
    assert (appended.status, appended.offset) == (201 if version in (5, 6) else 204, 200)
    assert appended["Upload-Complete"] == "?0"
    ended = await client.patch(path, 200, MP3[200:], "?1")
    assert (ended.status, ended["Upload-Complete"], ended.json["state"]) == (201, "?1", "spooled")
    assert ended.json["filename"] == "three.mp3"
    assert ended["Repr-Digest"] == digest("", "sha-256", MP3)[""]


async def test_version_3_uses_upload_incomplete(rufh: Rufh) -> None:
    client = Rufh(rufh.server, 3)
    created = await client.ask("POST", "/rufh/", {"Upload-Incomplete": "?1"}, MP3[:100])
    assert (created.status, created["Upload-Incomplete"], created["Upload-Complete"]) == (201, "?1", None)
    fields = {"Upload-Offset": "100", "Upload-Incomplete": "?0"}
    ended = await client.ask("PATCH", created.location, fields, MP3[100:])
    assert (ended.status, ended["Upload-Incomplete"], ended.json["state"]) == (201, "?0", "spooled")


async def test_r8_empty_creations(rufh: Rufh) -> None:
    careful = await rufh.create()
    assert (careful.status, careful.offset, careful["Upload-Complete"]) == (201, 0, "?0")
    empty = await rufh.create(b"", "?1")
    assert (empty.status, empty.json["code"]) == (400, "malformed")


async def test_r8_empty_file_is_refused_with_its_field(rufh: Rufh) -> None:
    announced, empty = await rufh.create(Upload_Length="0"), await rufh.create(b"", "?1")
    assert (announced.status, announced.json["field"]) == (400, "Upload-Length")
    assert (empty.status, empty.json["field"]) == (400, "body")


async def test_put_takes_the_file_name_from_the_url(rufh: Rufh, api: Api) -> None:
    put = await rufh.ask("PUT", "/rufh/Sunday%20N%C3%A4ght.mp3", {}, make_mp3(1, seed=83))
    assert (put.status, put.json["state"], put.json["filename"]) == (201, "spooled", "Sunday Näght.mp3")
    headers = {"Upload-Complete": "?0", "Content-Disposition": 'inline; filename="told.mp3"'}
    careful = await rufh.ask("PUT", "/rufh/name.mp3", headers)
    assert (careful.status, len(careful.location.rpartition("/")[2])) == (201, 22)
    assert (await api.show(careful.location.rpartition("/")[2]))["filename"] == "told.mp3"
    assert (await rufh.patch(careful.location, 0, MP3, "?1")).status == 201


async def test_disallowed_method_is_405_with_a_problem_object(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    for method, target, allowed in (
        ("PUT", path, "OPTIONS, HEAD, GET, PATCH, DELETE"),
        ("POST", path, "OPTIONS, HEAD, GET, PATCH, DELETE"),
        ("POST", "/rufh/name.mp3", "OPTIONS, PUT"),
        ("DELETE", "/rufh/", "OPTIONS, POST, PUT"),
    ):
        answer = await rufh.ask(method, target, {}, MP3[:10])
        assert (answer.status, answer["Allow"], answer.json["code"]) == (405, allowed, "method_not_allowed")
        assert allowed in answer.json["detail"]
    for method in ("HEAD", "GET", "PATCH", "DELETE"):
        assert (await rufh.ask(method, "/rufh/name.mp3", {})).status == 404
    assert await rufh.offset(path) == 0


async def test_r9_lengths_agree(rufh: Rufh) -> None:
    wrong = [await rufh.create(MP3, "?1", Upload_Length="5")]
    path = (await rufh.create(MP3[:100], Upload_Length=str(len(MP3)))).location
    wrong += [
        await rufh.patch(path, 100, MP3[100:200], "?1"),
        await rufh.patch(path, 100, MP3[100:200], Upload_Length="4000"),
        await rufh.patch(path, 100, MP3[100:200], "?1", Upload_Length=str(len(MP3))),
    ]
    for answer in wrong:
        assert (answer.status, answer["Upload-Complete"]) == (400, "?0")
        assert answer.json["type"] == f"{PROBLEMS}inconsistent-upload-length"
    assert await rufh.offset(path) == 100
    assert (await rufh.patch(path, 100, MP3[100:], "?1", Upload_Length=str(len(MP3)))).status == 201


async def test_r10_bytes_after_the_length_end_the_upload(rufh: Rufh) -> None:
    path = (await rufh.create(Upload_Length="100")).location
    assert (await rufh.patch(path, 0, bytes(101))).status == 400
    assert (await rufh.head(path)).status == 410
    path = (await rufh.create(Upload_Length="100")).location
    head = request(
        "PATCH", path, {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?0", "Transfer-Encoding": "chunked"}
    )
    streamed = head.replace(b"Content-Length: 0\r\n", b"") + b"7d0\r\n" + bytes(2000) + b"\r\n0\r\n\r\n"
    assert (await send(rufh.server.port, streamed)).status == 400
    assert (await rufh.head(path)).status == 410


async def test_r11_the_last_byte_does_not_complete(rufh: Rufh) -> None:
    path = (await rufh.create(MP3, Upload_Length=str(len(MP3)))).location
    answer = await rufh.head(path)
    assert (answer.offset, answer["Upload-Complete"]) == (len(MP3), "?0")
    ended = await rufh.patch(path, len(MP3), b"", "?1")
    assert (ended.status, ended["Upload-Complete"]) == (201, "?1")
    assert (await rufh.head(path))["Upload-Complete"] == "?1"


@pytest.mark.parametrize("version", [3, 5, 6])
async def test_r11_announced_length_completes_only_for_early_versions(rufh: Rufh, version: int) -> None:
    client = Rufh(rufh.server, version)
    field, more = ("Upload-Incomplete", "?1") if version == 3 else ("Upload-Complete", "?0")
    created = await client.ask("POST", "/rufh/", {field: more, "Upload-Length": str(len(MP3))})
    fields = {**PATCH, "Upload-Offset": "0", field: more}
    ended = await client.ask("PATCH", created.location, fields, MP3)
    assert (ended.status, ended.offset, ended.json["state"]) == (201, len(MP3), "spooled")


async def test_r11_deferred_completion_survives_a_restart(data: Path) -> None:
    with Server(data, disk_reserve=0) as server:
        rufh = Rufh(server)
        path = (await rufh.create(MP3, Upload_Length=str(len(MP3)))).location
        server.restart()
        assert (await rufh.head(path))["Upload-Complete"] == "?0"
        assert (await rufh.patch(path, len(MP3), b"", "?1")).json["state"] == "spooled"


async def test_r12_truncated_append_keeps_its_bytes_and_does_not_complete(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    message = request("PATCH", path, {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}, MP3)
    await cut(rufh.server.port, message[: len(message) - len(MP3) + 9000])
    answer = await rufh.head(path)
    assert (answer.offset, answer["Upload-Complete"]) == (9000, "?0")
    assert (await rufh.patch(path, 9000, MP3[9000:], "?1")).status == 201


async def test_r12_truncated_creation_is_kept_only_if_its_location_was_sent(
    rufh: Rufh, api: Api, interim_server: Server
) -> None:
    message = request("POST", "/rufh/", {"Upload-Complete": "?1", "Upload-Draft-Interop-Version": "8"}, MP3)
    await cut(rufh.server.port, message[:-1000])
    async with asyncio.timeout(5):
        while (await api.listed("limit=1"))[0]["state"] != "cancelled":
            await asyncio.sleep(0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", interim_server.port)
    writer.write(message[:-1000])
    interim = (await reader.readuntil(b"\r\n\r\n")).decode()
    await asyncio.sleep(0.1)
    writer.close()
    path = interim.partition("Location: ")[2].partition("\r\n")[0]
    client = Rufh(interim_server)
    assert await client.offset(path) == len(MP3) - 1000
    assert (await client.patch(path, len(MP3) - 1000, MP3[-1000:], "?1")).status == 201


@pytest.mark.parametrize("version", VERSIONS)
async def test_r13_offset_retrieval_has_all_fields(rufh: Rufh, version: int | None) -> None:
    client = Rufh(rufh.server, version)
    path = (await client.create(MP3[:100], Upload_Length=str(len(MP3)))).location
    for method in ("HEAD", "GET"):
        answer = await client.ask(method, path, {})
        assert (answer.status, answer.offset, answer["Upload-Complete"]) == (204, 100, "?0")
        assert (answer["Upload-Length"], answer["Cache-Control"]) == (str(len(MP3)), "no-store")
        age = "expires" if version in (5, 6) else "max-age"
        assert f"{age}=6047" in (answer["Upload-Limit"] or "")
    asked = await client.ask("HEAD", path, {"Upload-Offset": "0"})
    assert asked.status == (400 if version in (5, 6) else 204)


async def test_r14_r28_retrieval_stops_the_stale_writer_and_returns_a_usable_offset(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    _, writer = await asyncio.open_connection("127.0.0.1", rufh.server.port)
    fields = {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}
    writer.write(request("PATCH", path, fields, MP3[:7000], len(MP3)))
    await asyncio.sleep(0.1)
    begun = time.perf_counter()
    offset = await rufh.offset(path)
    assert (offset, time.perf_counter() - begun < 10) == (7000, True)
    writer.write(MP3[7000:])
    assert (await rufh.patch(path, offset, MP3[offset:], "?1")).status == 201
    writer.close()


async def test_r15_a_lost_partial_ends_the_upload(rufh: Rufh) -> None:
    path = (await rufh.create(MP3[:100])).location
    (rufh.server.partials / f"{path.rpartition('/')[2]}.partial").unlink()
    assert (await rufh.patch(path, 100, MP3[100:200])).status == 410
    assert (await rufh.head(path)).status == 410


@pytest.mark.parametrize("version", VERSIONS)
async def test_r16_append_requires_type_offset_and_completeness(rufh: Rufh, version: int | None) -> None:
    client = Rufh(rufh.server, version)
    path = (await client.create()).location
    whole = {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?0"}
    typed = await client.ask("PATCH", path, {**whole, "Content-Type": "application/octet-stream"}, b"x")
    assert typed.status == (201 if version == 5 else 415)
    for missing in ("Upload-Offset", "Upload-Complete"):
        fields = {name: value for name, value in whole.items() if name != missing}
        assert (await client.ask("PATCH", path, fields, b"x")).status == 400


async def test_r17_wrong_offset_is_409_with_the_right_one(rufh: Rufh) -> None:
    path = (await rufh.create(MP3[:100])).location
    for at in (0, 99, 101):
        answer = await rufh.patch(path, at, b"x", "?1")
        assert (answer.status, answer["Upload-Complete"], answer.offset) == (409, "?0", 100)
        assert answer.json["type"] == f"{PROBLEMS}mismatching-upload-offset"
        assert (answer.json["expected-offset"], answer.json["provided-offset"]) == (100, at)


async def test_r19_rejected_file_is_complete(rufh: Rufh) -> None:
    for answer in (
        await rufh.create(b"abc" * 1000, "?1"),
        await rufh.patch((await rufh.create()).location, 0, b"abc" * 1000, "?1"),
    ):
        assert (answer.status, answer["Upload-Complete"], answer.json["code"]) == (422, "?1", "not_mp3")


def flag(version: int | None, *, last: bool) -> dict[str, str]:
    """Return the field that says whether the request has the last byte."""
    if version == 3:
        return {"Upload-Incomplete": "?0" if last else "?1"}
    return {"Upload-Complete": "?1" if last else "?0"}


@pytest.mark.parametrize("way", ["creation", "announced", "announced and complete", "careful", "length at the end"])
@pytest.mark.parametrize("version", [3, *VERSIONS])
async def test_r19_damaged_file_is_rejected_with_its_reason_after_any_last_request(
    rufh: Rufh, version: int | None, way: str
) -> None:
    client, known = Rufh(rufh.server, version), {"Upload-Length": str(len(DAMAGED))}
    more, last = flag(version, last=False), flag(version, last=True)
    if way == "creation":
        answer = await client.ask("POST", "/rufh/", last, DAMAGED)
        path = answer.location
    else:
        announced = known if way.startswith("announced") else {}
        path = (await client.ask("POST", "/rufh/", more | announced, DAMAGED[:5000])).location
        complete = {"announced": more, "length at the end": last | known}.get(way, last)
        answer = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": "5000", **complete}, DAMAGED[5000:])
        if way == "announced" and version not in (3, 5, 6):
            # For these versions the length alone does not complete the upload.
            assert answer.status == 204
            answer = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": str(len(DAMAGED)), **last})
    again = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": str(len(DAMAGED)), **last})
    for refused in (answer, again):
        assert (refused.status, refused.json["code"], refused.json["finding"]) == (422, "damaged", "sync_lost")
        assert "damaged inside" in refused.json["reason"]
        assert (
            flag(version, last=True).items() <= {name.title(): text for name, text in refused.headers.items()}.items()
        )
    assert (await client.head(path)).status == (await client.ask("DELETE", path, {})).status == 410


@pytest.mark.parametrize("version", [3, *VERSIONS])
async def test_r21_early_rejected_file_is_complete_for_the_next_append(
    rufh: Rufh, api: Api, version: int | None
) -> None:
    client = Rufh(rufh.server, version)
    more = flag(version, last=False)
    path = (await client.ask("POST", "/rufh/", more, b"words, words\n" * 160_000)).location
    async with asyncio.timeout(20):
        while (await api.show(path.rpartition("/")[2]))["state"] != "rejected":
            await asyncio.sleep(0.02)
    answer = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": "2080000", **more}, b"more")
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")
    assert "another kind of file" in answer.json["reason"]
    assert flag(version, last=True).items() <= {name.title(): text for name, text in answer.headers.items()}.items()


async def test_r20_repeated_last_append_gets_the_same_response(rufh: Rufh) -> None:
    path = (await rufh.create(MP3[:100])).location
    first = await rufh.patch(path, 100, MP3[100:], "?1")
    again = await rufh.patch(path, len(MP3), b"", "?1")
    assert (again.status, again["Upload-Complete"], again.body) == (201, "?1", first.body)


async def test_r23_delete_cancels_the_upload_and_stops_its_writer(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    reader, writer = await asyncio.open_connection("127.0.0.1", rufh.server.port)
    fields = {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}
    writer.write(request("PATCH", path, fields, MP3[:7000], len(MP3)))
    await asyncio.sleep(0.1)
    assert (await rufh.ask("DELETE", path, {})).status == 204
    assert b" 4" in await reader.readline()
    writer.close()
    assert (await rufh.head(path)).status == (await rufh.patch(path, 0, b"x")).status == 410
    assert (await rufh.head("/rufh/nobody-has-this-one-00")).status == 404


async def test_r24_no_response_redirects(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    statuses = [(await rufh.ask(method, "/rufh", {})).status for method in ("HEAD", "POST", "OPTIONS", "DELETE")]
    statuses += [(await rufh.ask(method, f"{path}/", {})).status for method in ("HEAD", "DELETE")]
    assert not [status for status in statuses if 300 <= status < 400]


async def test_r25_r26_r27_limits_are_sent(small_server: Server) -> None:
    for path in ("/rufh", "/rufh/", "/rufh/nobody-has-this-one-00"):
        answer = await Rufh(small_server).ask("OPTIONS", path, {})
        expected = f"max-size={20 * MIB}, min-size=1, max-age=604800"
        assert (answer.status, answer["Upload-Limit"]) == (204, expected)
    for answer in (
        await Rufh(small_server).create(Upload_Length=str(21 * MIB)),
        await Rufh(small_server).create(bytes(2 * MIB), **digest("Content_Digest", "sha-256", bytes(2 * MIB))),
    ):
        assert (answer.status, f"max-size={20 * MIB}" in (answer["Upload-Limit"] or "")) == (413, True)


async def test_r29_expect_gets_a_100_and_a_104(interim_server: Server) -> None:
    answer = await Rufh(interim_server, 8).create(MP3[:1000], Expect="100-continue")
    assert [interim.status for interim in answer.interim] == [104, 100, 104]


async def test_r30_content_encoding_is_refused(rufh: Rufh) -> None:
    path = (await rufh.create()).location
    assert (await rufh.create(MP3, "?1", Content_Encoding="gzip")).status == 415
    assert (await rufh.patch(path, 0, MP3, "?1", Content_Encoding="gzip")).status == 415


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ('attachment; filename="plain.mp3"', "plain.mp3"),
        ("inline; filename=\"fallback.mp3\"; filename*=UTF-8''%ED%95%9C%EA%B8%80.mp3", "한글.mp3"),
        ('attachment; filename="../../etc/passwd"', "../../etc/passwd"),
        ("attachment", ""),
    ],
)
async def test_r31_content_disposition_names_the_file(rufh: Rufh, api: Api, field: str, name: str) -> None:
    path = (await rufh.create(Content_Disposition=field)).location
    shown = await api.show(path.rpartition("/")[2])
    # Stored as text, never used as a path (tests/http/dialects/test_form.py).
    assert shown["filename"] in (name, name.rpartition("/")[2])


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
async def test_content_digest_is_checked_against_the_body(rufh: Rufh, algorithm: str) -> None:
    path = (await rufh.create()).location
    damaged = await rufh.patch(path, 0, b"?" + MP3[1:], **digest("Content_Digest", algorithm, MP3))
    assert (damaged.status, damaged["Upload-Complete"], damaged.json["code"]) == (400, "?0", "digest_mismatch")
    assert await rufh.offset(path) == 0
    assert (await rufh.patch(path, 0, MP3, "?1", **digest("Content_Digest", algorithm, MP3))).status == 201


async def test_malformed_digests_are_refused(rufh: Rufh) -> None:
    for value in ("sha-256", "sha-256=:AAAA:", "sha-256=abc", ":::"):
        assert (await rufh.create(MP3, "?1", Content_Digest=value)).status == 400
        assert (await rufh.create(MP3, "?1", Repr_Digest=value)).status == 400


async def test_repr_digest_is_checked_against_the_file(rufh: Rufh) -> None:
    assert (await rufh.create(MP3, "?1", **digest("Repr_Digest", "sha-256", MP3))).status == 201
    refused = await rufh.create(MP3, "?1", **digest("Repr_Digest", "sha-256", b"another"))
    assert (refused.status, refused["Upload-Complete"], refused.json["code"]) == (422, "?1", "digest_mismatch")


async def test_request_truncated_at_any_byte_can_be_resumed(rufh: Rufh) -> None:
    path, port = (await rufh.create()).location, rufh.server.port
    for message in (
        request("POST", "/rufh/", {"Upload-Complete": "?1"}, MP3),
        request("HEAD", path, {}),
        request("OPTIONS", "/rufh/", {}),
        request("DELETE", (await rufh.create()).location, {}),
    ):
        for at in boundaries(message, 1, 1000):
            await cut(port, message[:at])
    assert await rufh.offset(path) == 0
    message = request("PATCH", path, {**PATCH, "Upload-Offset": "0", "Upload-Complete": "?1"}, MP3)
    body = message.index(b"\r\n\r\n") + 4
    for at in boundaries(message[:body]):
        await cut(port, message[:at])
        assert await rufh.offset(path) == 0
    await cut(port, message[:-1])
    assert await rufh.offset(path) == len(MP3) - 1
    assert (await rufh.patch(path, len(MP3) - 1, MP3[-1:], "?1")).status == 201
