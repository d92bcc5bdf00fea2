"""Charts as numbers: pages draw them as SVG, beside a table of the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# In units of its own: the page scales it.
WIDTH, HEIGHT, GAP = 720, 160, 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A step of time in a chart."""

    label: str
    text: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over time, oldest first; what is below zero has none."""

    title: Any
    bars: list[Bar]
    width: int = WIDTH
    height: int = HEIGHT


def chart(
    title: Any,
    points: Sequence[tuple[str, int, str]],
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Chart:
    """Lay points (label, value, value in words) out as bars."""
    step = width / max(len(points), 1)
    highest = max([value for _label, value, _text in points], default=0)
    gap = min(GAP, step / 4)
    bars = []
    for place, (label, value, text) in enumerate(points):
        tall = max(value, 0) * height / max(highest, 1)
        bars.append(
            Bar(
                label=label,
                text=text,
                x=round(place * step + gap / 2, 1),
                y=round(height - tall, 1),
                width=round(step - gap, 1),
                height=round(tall, 1),
            )
        )
    return Chart(title, bars, width, height)
