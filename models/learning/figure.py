"""The reliability diagram as SVG: what the model said beside what was so."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

EDGE, MARGIN = 320, 56
COLOURS = ("#2a7f62", "#b3411f", "#4a5fa8")
"""Of the lines in their order; each stands out from white (WCAG 2.2, 4.5 to 1)."""


def _place(said: float, seen: float) -> tuple[float, float]:
    return MARGIN + said * EDGE, MARGIN + (1 - seen) * EDGE


def by_share(n: int, everything: int) -> float:
    """Radius of the dot of n of all pictures; parts of any size look alike."""
    return 2 + 8 * math.sqrt(n / everything)


def _bins(colour: str, bins: list[dict[str, Any]], radius: Callable[[int, int], float]) -> str:
    everything = sum(b["n"] for b in bins)
    points = [(_place(b["said"], b["seen"]), radius(b["n"], everything)) for b in bins]
    line = " ".join(f"{x:.1f},{y:.1f}" for (x, y), _ in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill-opacity="0.55"/>' for (x, y), r in points)
    return f'<g fill="{colour}"><polyline points="{line}" fill="none" stroke="{colour}"/>{dots}</g>'


def draw(
    parts: dict[str, list[dict[str, Any]]],
    target: Path,
    *,
    seen: str,
    radius: Callable[[int, int], float] = by_share,
) -> None:
    """Write the diagram of each part's reliability bins.

    Args:
        parts: bins of `measures.reliability` by the name that the diagram shows; at most three.
        target: the SVG file.
        seen: what the vertical axis counts, such as `share with pneumonia`.
        radius: of a dot, for the number of its pictures and of all.
    """
    coloured = list(zip(parts.items(), COLOURS, strict=False))
    size = EDGE + 2 * MARGIN
    ticks = "".join(
        f'<text x="{_place(t / 5, 0)[0]}" y="{MARGIN + EDGE + 18}" text-anchor="middle">{t / 5:.1f}</text>'
        f'<text x="{MARGIN - 8}" y="{_place(0, t / 5)[1] + 4}" text-anchor="end">{t / 5:.1f}</text>'
        for t in range(6)
    )
    names = "".join(
        f'<text x="{MARGIN + 12}" y="{MARGIN + 20 + 18 * i}" fill="{colour}">{name}</text>'
        for i, ((name, _), colour) in enumerate(coloured)
    )
    middle = MARGIN + EDGE / 2
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        'font-family="sans-serif" font-size="12">'
        f"<title>Reliability of the calibrated probability</title>"
        f'<rect width="{size}" height="{size}" fill="white"/>'
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{EDGE}" height="{EDGE}" fill="none" stroke="#888"/>'
        f'<line x1="{MARGIN}" y1="{MARGIN + EDGE}" x2="{MARGIN + EDGE}" y2="{MARGIN}" '
        'stroke="#888" stroke-dasharray="4"/>'
        f"{ticks}{''.join(_bins(colour, bins, radius) for (_, bins), colour in coloured)}{names}"
        f'<text x="{middle}" y="{size - 14}" text-anchor="middle">probability that the model says</text>'
        f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">{seen}</text>'
        "</svg>\n",
        encoding="utf-8",
    )
