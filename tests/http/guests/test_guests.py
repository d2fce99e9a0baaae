"""What guests see and send by a link, and what ends with it, with two receivers."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.guests import DIALECTS, Guest, browser, change_link, create_native, form, new_file, new_link, stored

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("end", [{"closed": True}, {"expires_in": 1}])
async def test_the_end_stops_creations_but_not_running_uploads(api: Api, dialect: str, end: dict[str, Any]) -> None:
    link = await new_link(api)
    guest, content = await browser(api, link), new_file(3)
    created = await create_native(guest, content)
    assert (await api.put(created.body["id"], 0, content[: len(content) // 2])).status == 200
    await change_link(api, link, **end)
    await until_ended(api, link)
    refused = await DIALECTS[dialect](guest, new_file())
    assert (refused.status, refused.code) == (410, "link_ended")
    stranger = await DIALECTS[dialect](Guest(api, link), new_file())
    assert (stranger.status, stranger.code) == (404, "unknown_link")
    rest = await api.put(created.body["id"], len(content) // 2, content[len(content) // 2 :])
    assert rest.status == 200
    assert (await api.ended(created.body["id"]))["state"] == "spooled"


async def until_ended(api: Api, link: dict[str, Any]) -> None:
    """Return once the link takes no uploads."""
    while True:
        response = await api.get(f"/api/v1/links/{link['id']}", headers=api.admin)
        if response.body["state"] in ("closed", "expired"):
            return
        await asyncio.sleep(0.02)


async def test_strangers_learn_nothing_of_a_link_that_has_ended(api: Api) -> None:
    link = await new_link(api)
    known, stranger = await browser(api, link), await browser(api, link)
    upload = await stored(api, known, new_file())
    await change_link(api, link, closed=True)
    unknown = Guest(api, {"token": "ms_" + "A" * 43})
    for path in ("", "/link", "/uploads", f"/uploads/{upload['id']}/receipt"):
        answers = [await guest.get(path) for guest in (stranger, Guest(api, link), unknown)]
        assert [(answer.status, answer.code) for answer in answers] == [(404, "unknown_link")] * 3
    assert (await known.get("/link")).code == "link_ended"
    page = await known.get("", Accept="text/html")
    assert (page.status, page.headers["Content-Type"]) == (410, "text/html; charset=utf-8")
    assert [row["id"] for row in (await known.get("/uploads")).body["uploads"]] == [upload["id"]]
    assert (await known.get(f"/uploads/{upload['id']}/receipt")).status == 200


async def test_guests_with_one_link_do_not_see_each_other(api: Api) -> None:
    link = await new_link(api)
    first, second = await browser(api, link), await browser(api, link)
    upload = await stored(api, first, new_file())
    assert [row["id"] for row in (await first.get("/uploads")).body["uploads"]] == [upload["id"]]
    assert (await second.get("/uploads")).body["uploads"] == []
    upload_path = f"/api/v1/uploads/{upload['id']}"
    for headers in (second.headers, second.bearer):
        assert (await api.get(f"/api/v1/files/{upload['file']['id']}", headers=headers)).code == "unknown_file"
        changed = await api.request("PATCH", upload_path, json={"sender": "Eve"}, headers=headers)
        assert changed.code == "unknown_upload"
    assert (await api.get(upload_path, headers=second.bearer)).code == "unknown_upload"
    assert (await second.get(f"/uploads/{upload['id']}/receipt")).code == "unknown_upload"
    assert (await api.get("/api/v1/uploads", headers=second.bearer)).body["uploads"] == []


async def test_scripts_with_one_secret_list_nothing(api: Api) -> None:
    script = Guest(api, await new_link(api))
    upload = await stored(api, script, new_file())
    assert upload["state"] == "spooled"
    assert (await script.get("/uploads")).body["uploads"] == []
    assert (await script.get(f"/uploads/{upload['id']}/receipt")).status == 200


async def test_a_receipt_says_what_arrived(api: Api) -> None:
    guest, content = await browser(api, await new_link(api)), new_file()
    created = await create_native(guest, content, name="Kim")
    path = f"/uploads/{created.body['id']}/receipt"
    assert (await guest.get(path)).code == "wrong_state"
    upload = await api.send_all(created.body["id"], content)
    receipt = (await guest.get(path, Accept="application/json")).body
    assert receipt == {
        "link": "Night",
        "name": "show.mp3",
        "sender": "Kim",
        "bytes": len(content),
        "sha256": upload["digest"],
        "duration": upload["duration"],
        "received_at": upload["updated_at"],
        "id": upload["id"],
    }
    text = (await guest.get(path)).body.decode()
    assert f"sha256: {upload['digest']}\n" in text
    assert f"bytes: {len(content)}\n" in text


async def test_opening_a_link_uses_nothing_of_it(api: Api) -> None:
    link = await new_link(api, files_max=2, bytes_max=1000)
    before = (await api.get(f"/api/v1/links/{link['id']}", headers=api.admin)).body
    for method in ("GET", "HEAD") * 50:
        assert (await api.request(method, Guest(api, link).page)).status == 200
    assert (await api.get(f"/api/v1/links/{link['id']}", headers=api.admin)).body == before
    shown = (await Guest(api, link).get("/link")).body
    assert (shown["left"], shown["state"]) == ({"files": 2, "bytes": 1000}, "open")


async def test_the_page_keeps_its_url_to_itself(api: Api) -> None:
    link = await new_link(api, note="Mono & <fine>", asks={"name": "required", "title": "optional"})
    page = await Guest(api, link).get("", Accept="text/html")
    markup = page.body.decode()
    assert link["token"] not in markup
    assert '<meta name="media-service-link" content="../">' in markup
    assert '<meta name="referrer" content="no-referrer">' in markup
    assert "same-origin" not in markup
    assert '"static/' not in markup
    assert "Mono &amp; &lt;fine&gt;" in markup
    assert 'name="name" maxlength="200" autocomplete="name" required' in markup
    assert 'name="email"' not in markup
    for path in ("", "/link", "/uploads", "/uploads/nothing/receipt"):
        headers = (await Guest(api, link).get(path)).headers
        assert [headers[name] for name in ("Referrer-Policy", "X-Robots-Tag", "Cache-Control")] == [
            "no-referrer",
            "noindex",
            "no-store",
        ]


async def test_the_form_of_the_page_is_taken_though_it_hides_its_origin(api: Api) -> None:
    guest = await browser(api, await new_link(api))
    for site, status in ((None, 201), ("same-origin", 201), ("cross-site", 403)):
        headers = guest.headers | {"Origin": "null"} | ({} if site is None else {"Sec-Fetch-Site": site})
        sent = await api.request("POST", guest.page, data=form(new_file(), {}), headers=headers)
        assert sent.status == status
    refused = await api.request("POST", "/upload", data=form(new_file(), {}), headers=guest.bearer | {"Origin": "null"})
    assert refused.code == "forbidden_origin"


async def test_a_refused_form_is_shown_again_with_what_was_typed(api: Api) -> None:
    link = await new_link(api, asks={"name": "required", "email": "optional"}, passphrase="Nachtmusik")
    guest = await browser(api, link)
    data = form(new_file(), {"email": "kim@radio.example", "passphrase": "Nachtmusik"})
    headers = guest.headers | {"Accept": "text/html"}
    refused = await api.request("POST", guest.page, data=data, headers=headers)
    markup = refused.body.decode()
    assert refused.status == 422
    assert 'action=""' in markup
    assert 'value="kim@radio.example"' in markup
    assert "Nachtmusik" not in markup
    assert link["token"] not in markup


async def test_the_secret_stands_in_no_row_and_no_log(api: Api, server: Server) -> None:
    link = await new_link(api)
    guest = await browser(api, link)
    await stored(api, guest, new_file())
    dumped = server.database.dump()
    assert f"link:{link['id']}" in dumped
    assert link["token"] not in dumped
    assert link["token"].removeprefix("ms_") not in dumped
    assert server.log is not None
    logged = server.log.read_text()
    assert "link_made" in logged
    assert not re.search(r"ms_[A-Za-z0-9_-]{8}", logged)


async def test_an_upload_by_a_link_says_so(api: Api) -> None:
    link = await new_link(api, reference="show 7")
    guest = await browser(api, link)
    upload = await stored(api, guest, new_file())
    expected = {"link": {"id": link["id"], "title": "Night"}, "reference": "show 7"}
    assert {name: upload[name] for name in expected} == expected
    file = (await api.get(f"/api/v1/files/{upload['file']['id']}", headers=guest.headers)).body
    assert {name: file[name] for name in expected} == expected
    plain = await api.create(length=5)
    assert (plain["link"], plain["reference"]) == (None, None)
    listed = await api.listed("limit=20")
    assert [row["link"] for row in listed if row["id"] == upload["id"]] == [expected["link"]]
