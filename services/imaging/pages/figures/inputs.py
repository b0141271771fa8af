"""What comes in, against what came before: the stability index, and how scores and pictures are distributed."""

from collections.abc import Sequence

from markupsafe import Markup

from services.imaging.domain.drift import LARGE, MODERATE, STATISTICS, Drift, Verdict
from services.imaging.pages import means, plots
from services.imaging.pages.figures.figure import Figure
from services.imaging.pages.plots import Column, Line
from services.imaging.watching import Watch


def drift_in_words(watch: Watch, least: int) -> str:
    """What became of the input, in a sentence."""
    worst = watch.worst
    if worst is None:
        most = max((each.n for each in watch.drifts), default=0)
        return f"Too few answers to judge: {most} of {least}."
    if worst.verdict is Verdict.STEADY:
        return f"Steady: no statistic is outside its band (highest: {worst.statistic}, PSI {worst.psi:.2f})."
    moved = [each for each in watch.drifts if each.verdict in {Verdict.SHIFTED, Verdict.DRIFTED}]
    named = ", ".join(f"{each.statistic} {each.verdict} (PSI {each.psi:.2f})" for each in moved)
    return f"{named[0].upper()}{named[1:]}."


def drift(watch: Watch, least: int) -> Figure:
    """The stability index of each statistic, with its bands and what chance does."""
    shown = [each for each in watch.drifts if each.n or each.reference]
    lines = [
        Line(
            each.statistic,
            each.psi,
            0.0,
            each.chance,
            f"{each.n} of {least}" if each.verdict is Verdict.TOO_FEW else "",
        )
        for each in shown
    ]
    says = drift_in_words(watch, least)
    described = f"{says} Bands: below {MODERATE} steady, to {LARGE} shifted, above drifted."
    picture = plots.stability("psi", "Population stability index by statistic", described, lines, (MODERATE, LARGE))
    rows = [
        (
            each.statistic,
            "" if each.psi is None else f"{each.psi:.3f}",
            "" if each.psi is None else f"{each.chance:.3f}",
            str(each.n),
            str(each.verdict),
            each.reference.of
            if each.reference
            else f"none yet: {watch.gathered} of the first {least} answers are here",
        )
        for each in shown
    ]
    return Figure(
        "drift",
        "Is what comes in like it was?",
        says,
        means.DRIFT,
        (("", picture),),
        ("Statistic", "PSI", "By chance", "Answers", "Verdict", "Reference"),
        tuple(rows),
    )


def shapes(watch: Watch) -> Figure:
    """The bins behind the index: expected and seen."""
    kept = [each for each in watch.drifts if each.reference and sum(each.counts)]
    score = next((each for each in kept if each.statistic == "score"), None)
    named = [("score", _columns(score, small=False))] if score else [("score", _tenths(watch))]
    named += [(each.statistic, _columns(each, small=True)) for each in kept if each is not score]
    rows = [
        (each.statistic, low, high, f"{100 * expected:.1f} %", f"{100 * seen / sum(each.counts):.1f} %")
        for each in kept
        if each.reference
        for (low, high), expected, seen in zip(
            _bounds(each.reference.edges), each.reference.shares, each.counts, strict=True
        )
    ]
    said = sum(each.score is not None for each in watch.answers)
    return Figure(
        "shapes",
        "How scores and pictures are distributed",
        f"{said} scores in the window." + ("" if score else " There is no reference for them yet."),
        means.SHAPES,
        tuple(named),
        ("Statistic", "From", "Below", "Reference", "Seen"),
        tuple(rows),
        tuple(STATISTICS.items()),
    )


def _tenths(watch: Watch) -> Markup:
    scores = [each.score for each in watch.answers if each.score is not None]
    places = [min(int(score * 10), 9) for score in scores]
    bins = [Column(f"{at / 10:g}", None, places.count(at) / max(len(scores), 1)) for at in range(10)]
    return plots.columns(
        "score-bins", "Scores of the last answers", f"{len(scores)} scores in ten bins from 0 to 1.", bins
    )


def _columns(each: Drift, *, small: bool) -> Markup:
    known = each.reference
    if known is None:
        return Markup()
    bounds, whole = _bounds(known.edges), sum(each.counts)
    labelled = {0, len(bounds) - 1} if small else set(range(0, len(bounds), 3))
    bins = [
        Column(_edge(bounds[at], at, len(bounds)) if at in labelled else "", expected, seen / whole)
        for at, (expected, seen) in enumerate(zip(known.shares, each.counts, strict=True))
    ]
    described = f"{whole} values in the {len(bins)} bins of the reference: {known.of}."
    return plots.columns(f"{each.statistic}-bins", f"Distribution of {each.statistic}", described, bins, small=small)


def _edge(bounds: tuple[str, str], at: int, bins: int) -> str:
    if at == 0:
        return f"< {bounds[1]}"
    return f"\N{GREATER-THAN OR EQUAL TO} {bounds[0]}" if at == bins - 1 else bounds[0]


def _bounds(edges: Sequence[float]) -> list[tuple[str, str]]:
    words = [f"{edge:.3g}" for edge in edges]
    return list(zip(["", *words], [*words, ""], strict=True))
