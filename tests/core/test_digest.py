"""Digests in headers and JSON, and digests of files."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media_service.core.digest import (
    ALGORITHMS,
    BLOCK_BYTES,
    ContentHash,
    Proof,
    format_digest_field,
    parse_digest_field,
    parse_hex,
)
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import DigestMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

SUM = hashlib.sha256(b"slice").digest()
BYTES = (bytes(range(256)) * (2 * BLOCK_BYTES // 256 + 2))[: 2 * BLOCK_BYTES + 300]


def naive_content_hash(content: bytes) -> bytes:
    leaves = [hashlib.sha256(content[at : at + BLOCK_BYTES]).digest() for at in range(0, len(content), BLOCK_BYTES)]
    return hashlib.sha256(b"".join(leaves)).digest()


def fed(content: bytes, cuts: Sequence[int]) -> ContentHash:
    digest = ContentHash()
    for start, stop in pairwise(sorted({0, len(content), *cuts})):
        digest.update(memoryview(content)[start:stop])
    return digest


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 300]),
    st.lists(
        st.one_of(st.integers(0, len(BYTES)), st.sampled_from([BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])),
        max_size=8,
    ),
)
@example(2 * BLOCK_BYTES, [BLOCK_BYTES])
def test_any_split_gives_the_same_hash(size: int, cuts: list[int]) -> None:
    content = BYTES[:size]
    assert fed(content, [cut for cut in cuts if cut <= size]).digest() == naive_content_hash(content)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 2)), st.integers(0, 2 * BLOCK_BYTES + 300))
@example({0, 1, 2}, 0)
@example({1, 2}, BLOCK_BYTES)
def test_blocks_that_are_known_are_passed_without_their_bytes(known: set[int], start: int) -> None:
    leaves = {index: hashlib.sha256(BYTES[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]).digest() for index in known}
    content = ContentHash(leaves)
    content.update(BYTES[:start])
    content.pass_known(len(BYTES))
    assert start % BLOCK_BYTES == 0 or content.size == start
    content.update(memoryview(BYTES)[content.size :])
    assert (content.size, content.digest()) == (len(BYTES), naive_content_hash(BYTES))


def test_a_known_block_is_not_looked_at() -> None:
    content = ContentHash({0: SUM})
    content.pass_known(7)
    assert (content.size, content.digest()) == (7, hashlib.sha256(SUM).digest())


def test_asking_does_not_end_the_feeding() -> None:
    content = ContentHash()
    for byte in (b"a", b"b"):
        content.update(byte)
        content.digest()
    assert content.digest() == naive_content_hash(b"ab")


@given(st.binary(min_size=32, max_size=32))
def test_a_digest_survives_the_wire(digest: bytes) -> None:
    assert parse_digest_field(format_digest_field(digest), "Repr-Digest") == digest
    assert parse_hex(digest.hex(), "digest") == digest


def test_other_algorithms_are_passed_over() -> None:
    assert parse_digest_field(f"md5=:AAAA:, {format_digest_field(SUM)} ,unixsum=1", "Content-Digest") == SUM


@pytest.mark.parametrize(
    "value",
    ["", "sha-256", "sha-256=::", "sha-256=:AAAA:", "md5=:AAAA:", f"SHA-256=:{'A' * 43}=:", f"sha-256={'A' * 43}="],
)
def test_a_field_without_sha256_is_refused_by_name(value: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_digest_field(value, "Content-Digest")
    assert refused.value.field == "Content-Digest"


@pytest.mark.parametrize("value", ["", "0" * 63, "0" * 65, "A" * 64, "\u0660" * 64, "0" * 64 + "\n"])
def test_anything_but_64_lower_case_digits_is_refused(value: str) -> None:
    with pytest.raises(Malformed):
        parse_hex(value, "digest")


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (parse_digest_field, parse_hex):
        try:
            assert len(parse(text, "digest")) == 32
        except Malformed as refusal:
            assert refusal.field == "digest"  # noqa: PT017


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_a_proof_holds_for_its_bytes_alone_in_any_pieces(algorithm: str, pieces: list[bytes]) -> None:
    digest = ALGORITHMS[algorithm]()
    digest.update(b"".join(pieces))
    proof = Proof(algorithm, digest.digest())
    seen = proof.begin()
    for piece in pieces:
        seen.update(piece)
    proof.check(seen)
    seen.update(b"more")
    with pytest.raises(DigestMismatch):
        proof.check(seen)
    assert proof.sha256 == (digest.digest() if algorithm == "sha256" else None)


def test_crc32_is_the_one_that_everybody_means() -> None:
    crc = ALGORITHMS["crc32"]()
    crc.update(b"123456789")
    assert crc.digest().hex() == "cbf43926"


@pytest.mark.parametrize(("algorithm", "size"), [("sha1", 19), ("crc32", 0), ("sha-256", 32), ("", 0)])
def test_a_proof_that_fits_no_algorithm_is_malformed(algorithm: str, size: int) -> None:
    with pytest.raises(Malformed):
        Proof(algorithm, bytes(size))
