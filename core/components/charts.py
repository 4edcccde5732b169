"""Geometry of the stacked bars, in SVG user units: the template only writes attributes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.text import slugify

from core.money import euros

WIDTH = 1000
BAR = 28
ROW = 62
LABEL = 22
THINNEST = 4


@dataclass
class Piece:
    """One coloured part of a bar. ``tone`` chooses its colour: 1 to 5, or « rest » for what is left, the quietest."""

    x: str
    width: str
    tone: str
    text: str


@dataclass
class Bar:
    """One row: its label, its parts, and the same figures for the table."""

    label: str
    url: str
    label_y: int
    bar_y: int
    values: list[Decimal | None]
    pieces: list[Piece] = field(default_factory=list)
    drawn: list[Piece] = field(default_factory=list)


@dataclass
class Chart:
    """What ``components/bar_chart.html`` draws."""

    title: str
    slug: str
    series: list[dict[str, Any]]
    bars: list[Bar]
    height: int
    bar_height: int = BAR
    width: int = WIDTH


def stacked_bars(title: str, series: Sequence[str], rows: Sequence[Sequence[Any]], *, rest: str = "") -> Chart:
    """Bars on one common scale, the longest filling the width. ``rows``: (label, values, optional address).

    An unknown value (None) draws nothing and stays unknown in the table. ``rest`` names the series that is what is
    left, drawn so that the others stand out. A part too thin to be seen is drawn ``THINNEST`` wide, over what follows.
    """
    tones = ["rest" if name == rest else str(rank) for rank, name in enumerate(series, start=1)]
    bars = [
        Bar(
            label=str(row[0]),
            url=str(row[2]) if len(row) > 2 else "",
            label_y=index * ROW + LABEL - 6,
            bar_y=index * ROW + LABEL,
            values=[None if value is None else Decimal(value) for value in row[1]],
        )
        for index, row in enumerate(rows)
    ]
    largest = max((sum((value or Decimal(0) for value in bar.values), Decimal(0)) for bar in bars), default=Decimal(0))
    for bar in bars:
        start = Decimal(0)
        for rank, value in enumerate(bar.values, start=1):
            if value is not None and value > 0 and largest > 0:
                width = value * WIDTH / largest
                text = f"{series[rank - 1]}\u00a0: {euros(value)}"
                shown = max(width, THINNEST)
                bar.pieces.append(Piece(x=f"{start:.2f}", width=f"{shown:.2f}", tone=tones[rank - 1], text=text))
                start += width
        # The last part is drawn first, so that a thin one lies over its neighbour and not under it.
        bar.drawn = bar.pieces[::-1]
    named = [{"tone": tone, "name": name} for tone, name in zip(tones, series, strict=True)]
    return Chart(title=title, slug=slugify(title), series=named, bars=bars, height=max(len(bars), 1) * ROW)
