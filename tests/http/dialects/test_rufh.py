"""Creation, versions, limits and digests of Resumable Uploads for HTTP, requirement by requirement.

A test is named by the number of its requirement. What each number asks for stands in `tests/test_requirements.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.rufh_client import MIB, MP3, VERSIONS, Rufh, digest, flag
from tests.support.mp3 import make_mp3, make_mp3_of

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server


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
