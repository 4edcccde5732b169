"""The State's typeface for what is drawn outside the page layout, such as visible stamps."""

from __future__ import annotations

import io
from functools import cache

from fontTools.ttLib import TTFont

from core.pdf.render import dsfr_static_root

FONT_DIRECTORY = "dsfr/dist/fonts"


@cache
def stamp_font(name: str = "Marianne-Regular") -> bytes:
    """Return a font of the design system as OpenType bytes, unpacked from its web form.

    Its layout tables (kerning, alternates) are left out: reading them again for each stamp
    would cost half the time of a signature.
    """
    font = TTFont(dsfr_static_root() / FONT_DIRECTORY / f"{name}.woff2")
    font.flavor = None
    for table in ("GPOS", "GSUB", "GDEF"):
        if table in font:
            del font[table]
    output = io.BytesIO()
    font.save(output, reorderTables=None)
    return output.getvalue()


@cache
def _measures(name: str) -> tuple[dict[int, int], int]:
    font = TTFont(io.BytesIO(stamp_font(name)))
    advances = font["hmtx"].metrics
    widths = {code: advances[glyph][0] for code, glyph in font.getBestCmap().items()}
    return widths, font["head"].unitsPerEm


def text_width(text: str, size: float, name: str = "Marianne-Regular") -> float:
    """Width of ``text`` in points at ``size`` points, without kerning."""
    widths, units = _measures(name)
    default = widths[ord("n")]
    return sum(widths.get(ord(letter), default) for letter in text) * size / units


def drawable(text: str, name: str = "Marianne-Regular") -> str:
    """Return ``text`` with the letters that the font lacks replaced by a question mark."""
    widths, _ = _measures(name)
    return "".join(letter if ord(letter) in widths else "?" for letter in text)
