"""QR codes as inline images."""

from __future__ import annotations

import segno


def qr_data_uri(text: str, *, error: str = "m") -> str:
    """Return ``text`` as a QR code: an SVG in a ``data:`` URI, with its quiet zone.

    The image carries no text: the page gives it its alternative.
    """
    code = segno.make(text, error=error, micro=False)
    return str(code.svg_data_uri(border=4, dark="#000000", light="#ffffff", omitsize=False))
