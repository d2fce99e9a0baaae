"""Multipart bodies for Hypothesis: well-formed, damaged and hostile ones, cut into blocks anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

CHARSET_HEADER = b'Content-Disposition: form-data; name="_charset_"'
HEADERS = [
    b'Content-Disposition: form-data; name="a"',
    b'Content-Disposition: form-data; name="file"; filename="a.mp3"',
    CHARSET_HEADER,
    b"Content-Disposition: attachment; filename*=utf-8''%e2%82%ac",
    b"Content-Disposition: ;;;",
    b"Content-Type: text/plain; charset=latin1",
    b"Content-Type: text/plain; charset=none-such",
    b"Content-Type: application/x-www-form-urlencoded",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: binary",
    b"Content-Transfer-Encoding: none-such",
    b"Content-Encoding: gzip",
    b"Content-Encoding: identity",
    b"Content-Length: 0",
    b"Content-Length: 3",
    b"Content-Length: 300",
    b"Content-Length: +3",
    b"X: " + b"y" * 300,
    b"no colon",
]
CONTENTS = [b"", b"x", b"utf-8", b"a=b&c=%20", b'{"a": 1}', b"AAAA", b"QUJD\r\nREU=", b"=41=", b"\xff\xfe", b"\0" * 200]
LONGEST_BOUNDARY = 70

boundaries = st.one_of(
    st.sampled_from(["fence", "-", "--", "a:b", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "-" * 70, "ab" * 35]),
    st.text("-ab'()+_,./:=?", min_size=1, max_size=LONGEST_BOUNDARY),
)


@dataclass(frozen=True)
class Arrival:
    """A body in blocks; after each of them the reader runs for so many iterations of the event loop.

    `broken`: the connection is lost after the last block. Otherwise the body ends there.
    """

    blocks: tuple[bytes, ...]
    iterations: tuple[int, ...] = (8,)
    broken: bool = False


@st.composite
def hostile_pieces(draw: st.DrawFn, boundary: str) -> bytes:
    """Return bytes that may be taken for a boundary, for a part of one, or for headers."""
    fence = b"--" + boundary.encode()
    delimiter = b"\r\n" + fence
    near_fences = [b"\n" + fence, b"\r" + fence, b"\r\r\n" + fence, delimiter.lower(), delimiter.upper()]
    ends = [b"", b"--", b"x", b"\r\n", b"--\r\n", b" \t\r\n", b"\n"]
    fixed = [b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"--", b"\r" * 75, b"\r\n--" * 20, *near_fences, *CONTENTS, *HEADERS]
    return draw(
        st.one_of(
            st.sampled_from(fixed),
            st.sampled_from([each + end for each in (fence, delimiter) for end in ends]),
            st.integers(0, len(delimiter)).map(lambda length: delimiter[:length]),
            st.binary(max_size=100),
        )
    )


@st.composite
def parts(draw: st.DrawFn, boundary: str, depth: int) -> bytes:
    """Return a part with the boundary before it."""
    lines = draw(st.lists(st.sampled_from(HEADERS), max_size=3))
    if depth < 2 and draw(st.integers(0, 5)) == 0:
        inner = draw(st.sampled_from([boundary, boundary[:-1] or "in", f"{boundary}x"[-LONGEST_BOUNDARY:], "in"]))
        lines.append(f'Content-Type: multipart/mixed; boundary="{inner}"'.encode())
        content = draw(bodies(inner, depth + 1))
    else:
        content = b"".join(draw(st.lists(hostile_pieces(boundary), max_size=4)))
    return b"\r\n".join([b"--" + boundary.encode(), *lines, b"", content + b"\r\n"])


@st.composite
def bodies(draw: st.DrawFn, boundary: str, depth: int = 0) -> bytes:
    """Return a body, damaged in up to two places and perhaps cut short."""
    body = draw(st.sampled_from([b"", b"", b"\r\n", b"preamble\r\n"]))
    body += b"".join(draw(st.lists(parts(boundary, depth), max_size=4))) + b"--" + boundary.encode()
    body += draw(st.sampled_from([b"--\r\n", b"--", b"--\r\nepilogue", b"--\r\n\r\n--", b"\r\n", b""]))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        start = draw(st.integers(0, len(body)))
        stop = draw(st.integers(start, min(len(body), start + 50)))
        body = body[:start] + draw(st.one_of(st.just(b""), hostile_pieces(boundary))) + body[stop:]
    return body[: draw(st.one_of(st.just(len(body)), st.just(len(body)), st.integers(0, len(body))))]


@st.composite
def arrivals(draw: st.DrawFn, body: bytes) -> Arrival:
    """Return the body in blocks: byte by byte, in equal ones, or cut anywhere."""
    size = draw(st.one_of(st.none(), st.integers(1, 200), st.just(max(1, len(body)))))
    if size is None:
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(body) - 1)), max_size=12)) | {0, len(body)})
        blocks = [body[start:stop] for start, stop in pairwise(cuts)]
    else:
        blocks = [body[at : at + size] for at in range(0, len(body), size)]
    iterations = draw(st.lists(st.sampled_from([0, 1, 2, 8]), min_size=1, max_size=5))
    return Arrival(tuple(blocks), tuple(iterations), broken=draw(st.integers(0, 4)) == 0)


@st.composite
def multipart_requests(draw: st.DrawFn) -> tuple[str, Arrival]:
    """Return a content type and a body for it as it arrives."""
    boundary = draw(boundaries)
    body = draw(st.one_of(bodies(boundary), st.lists(hostile_pieces(boundary), max_size=12).map(b"".join)))
    subtype = draw(st.sampled_from(["form-data", "form-data", "mixed", "related"]))
    return f'multipart/{subtype}; boundary="{boundary}"', draw(arrivals(body))
