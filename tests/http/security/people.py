"""Browsers, scripts without a cookie and the admin, as clients of one server."""

from __future__ import annotations

from tests.support.api import Api
from tests.support.mp3 import make_mp3

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
REST = {"Upload-Offset": str(16 * 1024)}
RUFH = REST | {"Upload-Complete": "?0", "Content-Type": "application/partial-upload"}
BYTES = {"Content-Type": "application/offset+octet-stream"}
WHO = ("owner", "stranger", "script", "admin")
HALF = bytes(16 * 1024)
"""Minimum bytes of a slice."""
MP3 = make_mp3(2, seed=8100)


class People:
    """Clients of one server, as different callers."""

    def __init__(self, script: Api, owner: Api, stranger: Api) -> None:
        admin = Api(script.session, script.url, script.token)
        admin.headers = admin.admin
        self.clients = {"script": script, "owner": owner, "stranger": stranger, "admin": admin}

    def __getitem__(self, who: str) -> Api:
        return self.clients[who]

    async def uploads(self, dialect: str = "native") -> dict[str, str]:
        """Return new uploads of the browser and of a script, each with half of its bytes."""
        return {whose: await begin(self[whose], dialect) for whose in ("owner", "script")}


async def begin(client: Api, dialect: str) -> str:
    """Return a new upload with half of its bytes."""
    if dialect == "native":
        upload_id: str = (await client.create("begun.mp3", 2 * len(HALF)))["id"]
        assert (await client.put(upload_id, 0, HALF)).status == 200
        return upload_id
    headers = {"Upload-Length": str(2 * len(HALF)), **({"Upload-Complete": "?0"} if dialect == "rufh" else TUS | BYTES)}
    answer = await client.request("POST", f"/{dialect}/", headers=headers, data=HALF)
    assert answer.status == 201, answer
    return answer.headers["Location"].rpartition("/")[2]
