"""Every requirement of the upload protocols has a test that is named by its number, or a line in `docs/api.md`.

The numbers are ours: C, K, E, X, T and N are tus 1.0's core and its extensions, R is the IETF draft.
"""

from __future__ import annotations

import re

from tests.support.server import ROOT

REQUIREMENTS = {
    "C1": "Tus-Resumable in every answer",
    "C2": "another version is 412",
    "C3": "Tus-Version in OPTIONS",
    "C4": "Tus-Extension names what works",
    "C5": "Tus-Max-Size",
    "C6": "X-HTTP-Method-Override",
    "C7": "HEAD has Upload-Offset",
    "C8": "HEAD has Upload-Length",
    "C9": "HEAD is not cached",
    "C10": "HEAD is 200",
    "C11": "HEAD of an unknown or ended upload is 404 or 410, without an offset",
    "C12": "PATCH has its media type",
    "C13": "another offset is 409 and changes nothing",
    "C14": "PATCH tells the new offset, which is durable",
    "C15": "PATCH of an unknown upload is 404",
    "C16": "a cut body keeps what arrived",
    "C17": "a dead connection is ended",
    "C18": "offsets and lengths are numbers",
    "C19": "OPTIONS takes any version",
    "C20": "bytes beyond the length are refused",
    "C21": "the last PATCH again does nothing",
    "K1": "a length or a deferred one",
    "K2": "Location, on errors too",
    "K3": "a length over the limit is 413",
    "K4": "a length of zero is complete at once",
    "K5": "Upload-Metadata is well-formed",
    "K6": "HEAD gives Upload-Metadata back",
    "K7": "HEAD says that the length is deferred",
    "K8": "a deferred length is told once",
    "K9": "a creation brings bytes",
    "K10": "what depends on creation is advertised with it",
    "K11": "Expect: 100-continue",
    "E1": "PATCH tells Upload-Expires",
    "E2": "POST tells Upload-Expires",
    "E3": "it moves, and not for ever",
    "E4": "what expired is 410",
    "E5": "nobody expires while he writes",
    "X1": "Upload-Checksum is well-formed",
    "X2": "an unknown algorithm is 400, another digest 460",
    "X3": "a wrong body leaves nothing",
    "X4": "a cut body with a checksum leaves nothing",
    "X5": "sha1 and others",
    "X6": "Tus-Checksum-Algorithm",
    "X7": "checksums in trailers",
    "X8": "clients that never send checksums",
    "T1": "DELETE ends the writer and frees the space",
    "T2": "afterwards it is gone",
    "T3": "a finished file is not taken back",
    "N1": "a part is no file",
    "N2": "a final upload names its parts by id",
    "N3": "a final upload has no length of its own",
    "N4": "parts are joined in their order",
    "N5": "unfinished parts are not joined",
    "N6": "metadata of parts is not taken over",
    "N7": "a final upload takes no bytes",
    "N8": "HEAD of a part",
    "N9": "HEAD of a final upload",
    "N10": "parts are given up",
    "N11": "a final upload brings no bytes",
    "N12": "many parts fit into a header",
    "N13": "long joins",
    "R1": "Upload-Complete begins an upload",
    "R2": "structured fields",
    "R3": "104 with Location",
    "R4": "104 for known versions alone",
    "R5": "a creation with more to come",
    "R6": "a creation with everything",
    "R7": "one Location in all answers to a request",
    "R8": "empty creations",
    "R9": "lengths agree",
    "R10": "bytes beyond the length end the upload",
    "R11": "the last byte does not complete",
    "R12": "a cut body keeps what arrived",
    "R13": "offset retrieval",
    "R14": "its offset is usable",
    "R15": "an offset never falls",
    "R16": "an append has type, offset and completeness",
    "R17": "another offset is 409 with the true one",
    "R18": "an append with more to come",
    "R19": "the last append has the final answer",
    "R20": "the last append again has it too",
    "R21": "early failures that end an upload",
    "R22": "104 with the offset on the way",
    "R23": "DELETE",
    "R24": "no redirects",
    "R25": "limits",
    "R26": "limits in OPTIONS",
    "R27": "limits in refusals",
    "R28": "a newer request ends an older one",
    "R29": "100 beside 104",
    "R30": "coded bodies",
    "R31": "Content-Disposition",
    "R32": "security considerations",
    "R33": "what clients try again",
}


def test_every_requirement_has_a_test_or_a_line_that_says_why_not() -> None:
    tested = set()
    for path in (ROOT / "tests" / "http" / "dialects").glob("test_*.py"):
        for numbers in re.findall(r"^async def test_((?:[ckextnr]\d+_)+)", path.read_text(), re.MULTILINE):
            tested |= {number.upper() for number in numbers.rstrip("_").split("_")}
    explained = set(re.findall(r"^\| ([CKEXTNR]\d+) \| .+ \|$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE))
    assert tested | explained == set(REQUIREMENTS)
    assert not tested & explained, "what is tested needs no excuse"
