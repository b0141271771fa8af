"""The figures of a watched model: what each shows, in words first, then as a plot, then as a table, with its limits."""

from collections.abc import Iterator
from datetime import date

from services.imaging.pages.figures import flow, inputs, readers, shadows
from services.imaging.pages.figures.figure import Figure, share
from services.imaging.pages.figures.inputs import drift_in_words
from services.imaging.watching import Watch

__all__ = ["Figure", "drift_in_words", "figures", "share"]


def figures(watch: Watch, least: int, today: date) -> Iterator[Figure]:
    """Every figure for which there is something to show."""
    yield inputs.drift(watch, least)
    yield flow.refusals(watch)
    if watch.judged:
        yield readers.agreeing(watch)
        yield readers.by_group(watch)
        yield readers.calibration(watch)
    yield from (shadows.beside_another(watch, each, number) for number, each in enumerate(watch.beside))
    yield inputs.shapes(watch)
    yield flow.volume(watch, today)
