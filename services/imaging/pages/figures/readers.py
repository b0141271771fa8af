"""What signing readers made of a model's answers: agreement, by age and sex, and whether scores mean what they say."""

from statistics import fmean
from typing import Final

from services.imaging.domain.intervals import Share, wilson
from services.imaging.domain.watching import MEASURES, SMALLEST, Judged, agreement, groups, performance
from services.imaging.pages import means, plots
from services.imaging.pages.figures.figure import Figure, line, share
from services.imaging.watching import Watch

SPANS: Final = 5
"""Bins of a reliability plot: few, because readers' words are few."""
TITLES: Final = {
    "sensitivity": "of what readers confirmed, flagged",
    "specificity": "of what readers ruled out, not flagged",
    "PPV": "of the flags, confirmed",
    "NPV": "of the others, ruled out",
}


def agreeing(watch: Watch) -> Figure:
    """The four shares at the threshold, and whether agreement changed lately."""
    found = performance(watch.judged)
    named: dict[str, Share | None] = {
        **found,
        "agreement": agreement(watch.told),
        "agreement, newest quarter": watch.recent,
        "agreement, before": watch.before,
    }
    lines = [line(name.replace("agreement, ", "\N{EN DASH} "), one) for name, one in named.items()]
    part = len(watch.judged) - len(watch.told)
    unseen = sum(not each.own for each in watch.told)
    says = f"Agreement {share(named['agreement'])}; {part} right in part and counted apart."
    rows = [(f"{name}: {TITLES[name]}" if name in MEASURES else name, share(one)) for name, one in named.items()]
    return Figure(
        "agreement",
        "Agreement with the signed readings",
        says,
        means.AGREEMENT
        + (
            f" {unseen} of {len(watch.told)} words were on another model's answer, without sight of this."
            if unseen
            else ""
        ),
        (("", plots.intervals("performance", "Agreement by measure", says, lines)),),
        ("Measure", "Share, 95 % interval"),
        tuple(rows),
    )


def by_group(watch: Watch) -> Figure:
    """Sensitivity and specificity by age band and by sex."""
    members = groups(watch.told)
    found = {(name, measure): performance(judged)[measure] for name, judged in members.items() for measure in MEASURES}
    pictures = tuple(
        (
            measure,
            plots.intervals(
                f"by-{measure}".lower(),
                f"{measure} by age and sex",
                "; ".join(f"{name}: {share(found[name, measure])}" for name in members),
                [line(name, found[name, measure]) for name in members],
            ),
        )
        for measure in ("sensitivity", "specificity")
    )
    return Figure(
        "groups",
        "The same by age and sex",
        f"{len(members)} groups; of fewer than {SMALLEST} studies no share is shown.",
        means.GROUPS,
        pictures,
        ("Group", *MEASURES),
        tuple((name, *(share(found[name, measure]) for measure in MEASURES)) for name in members),
    )


def calibration(watch: Watch) -> Figure:
    """Scores against readers' findings."""
    told = [each for each in watch.told if each.answer.score is not None]
    spans: list[list[Judged]] = [[] for _ in range(SPANS)]
    for each in told:
        spans[min(int((each.answer.score or 0.0) * SPANS), SPANS - 1)].append(each)
    points = []
    rows = []
    for number, span in enumerate(spans):
        seen = wilson(sum(bool(each.present) for each in span), len(span))
        name = f"{number / SPANS:g} to {(number + 1) / SPANS:g}"
        said = fmean(each.answer.score or 0.0 for each in span) if span else (number + 0.5) / SPANS
        points.append((said, line(name, seen)))
        rows.append((name, f"{said:.2f}" if seen and seen.whole >= SMALLEST else "", share(seen)))
    says = f"{len(told)} scored answers with a word of a reader, in {SPANS} bins."
    return Figure(
        "calibration",
        "Does a score mean what it says?",
        says,
        means.CALIBRATION,
        (("", plots.reliability("reliability", "Score against readers' findings", says, points)),),
        ("Scores", "Mean score", "Found by readers"),
        tuple(rows),
    )
