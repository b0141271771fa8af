"""Plots as SVG, made here and styled by `models.css`: no script, light and dark, readable at 320 px.

Each has a title and a description for those who hear the page; the page adds its numbers as a table.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from services.imaging.pages.marks import bar, dot, frame, text, upright

WIDTH: Final = 360
LEFT: Final = 132
RIGHT: Final = 350
ROW: Final = 26
TALL: Final = 150
NARROW: Final = 170


class Line(NamedTuple):
    """A row of a chart of intervals: a figure between its limits, or why there is none."""

    label: str
    value: float | None
    low: float = 0.0
    high: float = 0.0
    note: str = ""


class Column(NamedTuple):
    """A bin: what was expected of it and what was seen, as shares."""

    label: str
    expected: float | None
    seen: float


def intervals(name: str, title: str, described: str, lines: Sequence[Line], most: float = 1.0) -> Markup:
    """Shares with their intervals, one below the other, on an axis from 0 to `most`."""
    bottom = ROW * len(lines) + 6
    shapes = [upright(_across(share, most), 2, bottom, "grid") for share in _ticks(most)]
    shapes += [text(_across(share, most), bottom + 15, f"{100 * share:g} %", "middle") for share in _ticks(most)]
    for number, line in enumerate(lines):
        middle = ROW * number + ROW / 2 + 2
        shapes.append(text(0, middle + 4, line.label))
        if line.value is None:
            shapes.append(text(LEFT + 4, middle + 4, line.note, kind="soft"))
            continue
        low, high = _across(min(line.low, most), most), _across(min(line.high, most), most)
        shapes.append(f'<line class="span" x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}"/>')
        shapes.append(dot(_across(min(line.value, most), most), middle, 4.5))
    return frame(name, title, described, (WIDTH, bottom + 22), shapes)


def stability(name: str, title: str, described: str, lines: Sequence[Line], bands: tuple[float, float]) -> Markup:
    """PSI of each statistic on an axis with its bands; `high` is what chance alone may do."""
    most, bottom = 0.5, ROW * len(lines) + 18
    edges = [0.0, *bands, most]
    words = ("steady", "shifted", "drifted")
    shapes = []
    for number, word in enumerate(words):
        left, right = _across(edges[number], most), _across(edges[number + 1], most)
        shapes.append(
            f'<rect class="band-{word}" x="{left:.1f}" y="16" width="{right - left:.1f}" height="{bottom - 16}"/>'
        )
        shapes.append(text((left + right) / 2, 11, word, "middle", "soft"))
    shapes += [text(_across(edge, most), bottom + 15, f"{edge:g}", "middle") for edge in edges]
    for number, line in enumerate(lines):
        middle = ROW * number + ROW / 2 + 16
        shapes.append(text(0, middle + 4, line.label))
        if line.value is None:
            shapes.append(text(LEFT + 4, middle + 4, line.note, kind="soft"))
            continue
        end = _across(min(line.value, most), most)
        shapes.append(f'<line class="span" x1="{LEFT}" y1="{middle}" x2="{end:.1f}" y2="{middle}"/>')
        shapes.append(dot(end, middle, 4.5, hollow=bool(line.note)))
        if line.high <= most:
            shapes.append(upright(_across(line.high, most), middle - 8, middle + 8, "chance"))
        if line.value > most:
            shapes.append(text(RIGHT - 10, middle - 7, f"{line.value:.1f} \N{RIGHTWARDS ARROW}", "end"))
    return frame(name, title, described, (WIDTH, bottom + 22), shapes)


def columns(name: str, title: str, described: str, bins: Sequence[Column], *, small: bool = False) -> Markup:
    """What was seen of each bin, filled, inside what was expected of it, outlined."""
    width, height, left = (NARROW, 70, 2) if small else (WIDTH, TALL, 34)
    highest = max([*(bin_.seen for bin_ in bins), *(bin_.expected or 0.0 for bin_ in bins), 0.01])
    step = (width - left - 2) / len(bins)
    shapes = []
    if not small:
        for share in (0.0, highest / 2, highest):
            at = 6 + height * (1 - share / highest)
            shapes.append(f'<line class="grid" x1="{left}" y1="{at:.1f}" x2="{width}" y2="{at:.1f}"/>')
            shapes.append(text(left - 4, at + 4, f"{100 * share:.0f} %", "end"))
    for number, bin_ in enumerate(bins):
        x = left + number * step
        shapes.append(bar(x + step * 0.14, 6 + height, step * 0.72, height * bin_.seen / highest, "seen"))
        if bin_.expected is not None:
            shapes.append(bar(x + step * 0.04, 6 + height, step * 0.92, height * bin_.expected / highest, "expected"))
        if bin_.label:
            anchor = {0: "start"}.get(number, "middle") if not small else ("start" if number == 0 else "end")
            shapes.append(
                text(
                    x + (step / 2 if anchor == "middle" else 0 if anchor == "start" else step),
                    height + 21,
                    bin_.label,
                    anchor,
                )
            )
    return frame(name, title, described, (width, height + 26), shapes)


def weeks(name: str, title: str, described: str, counts: Sequence[tuple[str, int, int]]) -> Markup:
    """Answers a week, and on top of them what was not analysed."""
    highest = max([answered + refused for _, answered, refused in counts] + [1])
    step = (WIDTH - 36) / max(len(counts), 1)
    shapes = []
    for count in (0, highest):
        at = 6 + TALL * (1 - count / highest)
        shapes.append(f'<line class="grid" x1="34" y1="{at:.1f}" x2="{WIDTH}" y2="{at:.1f}"/>')
        shapes.append(text(30, at + 4, str(count), "end"))
    for number, (label, answered, refused) in enumerate(counts):
        x, tall = 36 + number * step, TALL * answered / highest
        shapes.append(bar(x, 6 + TALL, step * 0.8, tall, "seen"))
        shapes.append(bar(x, 6 + TALL - tall, step * 0.8, TALL * refused / highest, "refused"))
        if label:
            shapes.append(text(x, TALL + 21, label))
    return frame(name, title, described, (WIDTH, TALL + 26), shapes)


def reliability(name: str, title: str, described: str, points: Sequence[tuple[float, Line]]) -> Markup:
    """What the model said against how often the readers found it so, with intervals; on the diagonal both are equal."""
    shapes = [
        *_square("mean score", "found by readers"),
        f'<line class="chance" x1="{_x(0):g}" y1="{_y(0):g}" x2="{_x(1):g}" y2="{_y(1):g}"/>',
    ]
    for said, line in points:
        if line.value is not None:
            shapes.append(upright(_x(said), _y(line.high), _y(line.low), "span"))
            shapes.append(dot(_x(said), _y(line.value), 4.5))
    return frame(name, title, described, (WIDTH, 300), shapes)


def scatter(
    name: str, title: str, described: str, points: Sequence[tuple[float, float]], limits: tuple[float, float]
) -> Markup:
    """Two models on the same studies, a dot each; the lines are their thresholds."""
    shapes = [
        *_square("what readers got", "what this one would have said"),
        upright(_x(limits[0]), _y(0), _y(1), "chance"),
    ]
    shapes.append(
        f'<line class="chance" x1="{_x(0):g}" y1="{_y(limits[1]):.1f}" x2="{_x(1):g}" y2="{_y(limits[1]):.1f}"/>'
    )
    shapes += [dot(_x(one), _y(two), 2.6, faint=True) for one, two in points]
    return frame(name, title, described, (WIDTH, 300), shapes)


def _square(across: str, upwards: str) -> list[str]:
    shapes = [f'<rect class="box" x="{_x(0):g}" y="{_y(1):g}" width="{_x(1) - _x(0):g}" height="{_y(0) - _y(1):g}"/>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        shapes += [text(_x(share), 292, f"{share:g}", "middle"), text(_x(0) - 6, _y(share) + 4, f"{share:g}", "end")]
    shapes.append(text(_x(1) - 6, _y(0) - 8, f"{across} \N{RIGHTWARDS ARROW}", "end", "soft"))
    shapes.append(text(_x(0) + 6, _y(1) + 16, f"\N{UPWARDS ARROW} {upwards}", kind="soft"))
    return shapes


def _x(share: float) -> float:
    return 44 + 300 * share


def _y(share: float) -> float:
    return 274 - 264 * share


def _across(share: float, most: float) -> float:
    return LEFT + (RIGHT - 10 - LEFT) * share / most


def _ticks(most: float) -> list[float]:
    return [most * part / 2 for part in range(3)]
