"""Visible stamps: a few lines of French, in an embedded font, at a readable size."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pyhanko.pdf_utils import layout
from pyhanko.pdf_utils.font import FontEngineFactory
from pyhanko.pdf_utils.font.opentype import GlyphAccumulator
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.stamp import TextStampStyle

from core.pdf.fonts import drawable, stamp_font, text_width

PARIS = ZoneInfo("Europe/Paris")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
MARGIN = 5
LARGEST, SMALLEST = 10, 7
LEADING = 1.25
# The blue of the State's design system, dark enough on white (contrast 14 to 1).
BLUE_FRANCE = (0.0, 0.0, 145 / 255)


class _Marianne(FontEngineFactory):
    def __init__(self, size: int) -> None:
        self.size = size

    def create_font_engine(self, writer: Any, obj_stream: Any = None) -> GlyphAccumulator:
        return GlyphAccumulator(writer, io.BytesIO(stamp_font()), font_size=self.size, obj_stream=obj_stream)


def spoken_instant(at: datetime) -> str:
    """Return an instant as read in France, Paris time: « 1er juin 2021 à 9 h 05 »."""
    local = at.astimezone(PARIS)
    day = "1er" if local.day == 1 else str(local.day)
    month = MONTHS[local.month - 1]
    return f"{day} {month} {local.year} à {local.hour}\u00a0h\u00a0{local.minute:02d}"


def stamp_style(paragraphs: tuple[str, ...], box: tuple[float, float, float, float]) -> TextStampStyle:
    """Return a stamp whose paragraphs are wrapped to ``box`` at the largest size that fits."""
    width, height = box[2] - box[0] - 2 * MARGIN, box[3] - box[1] - 2 * MARGIN
    texts = [drawable(paragraph) for paragraph in paragraphs if paragraph.strip()]
    size = LARGEST
    lines = _wrap_all(texts, width, size)
    while size > SMALLEST and len(lines) * size * LEADING > height:
        size -= 1
        lines = _wrap_all(texts, width, size)
    room = max(1, int(height / (size * LEADING)))
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1][:-1] + "…"]
    return TextStampStyle(
        # The library interpolates with %, which a name or a reason may contain.
        stamp_text="\n".join(lines).replace("%", "%%"),
        border_width=1,
        border_color=BLUE_FRANCE,
        text_box_style=TextBoxStyle(
            font=_Marianne(size),
            font_size=size,
            leading=round(size * LEADING),
            text_color=BLUE_FRANCE,
            box_layout_rule=layout.SimpleBoxLayoutRule(
                x_align=layout.AxisAlignment.ALIGN_MIN, y_align=layout.AxisAlignment.ALIGN_MID
            ),
        ),
        inner_content_layout=layout.SimpleBoxLayoutRule(
            x_align=layout.AxisAlignment.ALIGN_MIN,
            y_align=layout.AxisAlignment.ALIGN_MID,
            margins=layout.Margins.uniform(MARGIN),
            inner_content_scaling=layout.InnerScaling.SHRINK_TO_FIT,
        ),
    )


def _wrap_all(texts: list[str], width: float, size: int) -> list[str]:
    return [line for text in texts for line in _wrap(text, width, size)]


def _wrap(text: str, width: float, size: int) -> list[str]:
    """Break at plain spaces, which unbreakable ones are not."""
    lines: list[str] = []
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines
