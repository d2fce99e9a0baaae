"""Draw QR codes."""

from __future__ import annotations

import io

import segno


def qr_svg(text: str) -> str:
    """Return an SVG image of the QR code (ISO/IEC 18004), black on white so that it can be read in dark mode too.

    It has no size of its own, and is well-formed alone and in HTML.
    """
    image = io.BytesIO()
    segno.make_qr(text, error="m").save(image, kind="svg", xmldecl=False, omitsize=True, light="#fff")
    return image.getvalue().decode().strip()
