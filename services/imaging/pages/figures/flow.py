"""How much a model read, and what it did not analyse."""

from datetime import date, timedelta

from services.imaging.domain.intervals import wilson
from services.imaging.pages import means, plots
from services.imaging.pages.figures.figure import Figure, line, share
from services.imaging.watching import Watch


def volume(watch: Watch, today: date) -> Figure:
    """Studies a week, answered or not."""
    monday = today - timedelta(days=today.weekday())
    mondays = [monday - timedelta(weeks=back) for back in reversed(range(26))]
    counts = {
        (week, answered): sum(n for at, _, told, n in watch.weeks if at == week and told is answered)
        for week in mondays
        for answered in (True, False)
    }
    bars = [
        (f"{week:%d %b}" if number in {0, 6, 12, 18} else "", counts[week, True], counts[week, False])
        for number, week in enumerate(mondays)
    ]
    whole, refused = sum(counts.values()), sum(counts[week, False] for week in mondays)
    says = f"{whole} studies in half a year, {refused} of them not analysed."
    stages = sorted({stage for _, stage, _, _ in watch.weeks})
    rows = [
        (f"{at:%d %b %Y}", stage, "answered" if answered else "not analysed", str(n))
        for at, stage, answered, n in watch.weeks
    ]
    return Figure(
        "volume",
        "How much it read",
        says + (f" Read as {', '.join(stages)}." if stages else ""),
        means.VOLUME,
        (("", plots.weeks("weeks", "Studies a week", says, bars)),),
        ("Week from", "Stage", "Outcome", "Studies"),
        tuple(rows),
    )


def refusals(watch: Watch) -> Figure:
    """The share not analysed, by reason."""
    whole = len(watch.answers)
    found = {"all reasons": watch.refused} | {reason: wilson(n, whole) for reason, n in watch.reasons.items()}
    lines = [line(name, one, counted=False) for name, one in found.items() if one]
    most = max([0.1, *(line.high for line in lines)])
    says = f"{share(watch.refused)} not analysed." if watch.refused else "No study yet."
    return Figure(
        "refusals",
        "What it did not analyse, and why",
        says,
        means.REFUSALS,
        (("", plots.intervals("refused", "Share not analysed by reason", says, lines, _round(most))),) if lines else (),
        ("Reason", "Share, 95 % interval"),
        tuple((name, share(one)) for name, one in found.items()),
    )


def _round(most: float) -> float:
    return next(step for step in (0.1, 0.2, 0.5, 1.0) if most <= step)
