"""The size of an image comes from its own bytes, not from the tag."""

from __future__ import annotations

from media_service.media.images import image_size, image_type

PNG = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + b"IHDR" + (600).to_bytes(4) + (400).to_bytes(4) + bytes(500)


def test_image_size_is_read_from_the_first_bytes() -> None:
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + (300).to_bytes(2) + (200).to_bytes(2) + bytes(9)
    assert image_size(jpeg) == (200, 300)
    assert image_size(PNG) == (600, 400)
    assert image_size(b"GIF89a" + (7).to_bytes(2, "little") + (8).to_bytes(2, "little")) == (7, 8)
    assert image_type(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert image_type(b"<svg") is None
