"""A shadow model beside the model whose answers readers got."""

from services.imaging.domain.model import Model
from services.imaging.domain.reading import best
from services.imaging.pages import means, plots
from services.imaging.pages.figures.figure import Figure
from services.imaging.watching import SAID, Beside, Watch


def beside_another(watch: Watch, beside: Beside, number: int) -> Figure:
    """Both scores of each study, and how often the two decide alike."""
    shadow, answered = watch.entry.model, beside.answered
    named = f"{answered.name} {answered.version}"
    kappa, apart = beside.kappa, beside.difference
    says = f"{sum(map(sum, beside.table))} studies read by both."
    if kappa:
        says += f" Agreement beyond chance (kappa) {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})."
    if apart:
        says += (
            f" This one says {apart.mean.value:+.3f} ({apart.mean.low:+.3f} to {apart.mean.high:+.3f}) on average;"
            f" 95 % of the differences lie between {apart.limits.low:+.2f} and {apart.limits.high:+.2f}."
        )
    limits = (_limit(answered), _limit(shadow))
    picture = plots.scatter(f"beside-{number}", f"Scores beside {named}", says, beside.scores, limits)
    return Figure(
        f"beside-{number}",
        f"In the shadow of {named}",
        says,
        means.SHADOW,
        (("", picture),) if beside.scores else (),
        (f"{named} said", *(f"this: {word}" for word in SAID)),
        tuple((word, *map(str, row)) for word, row in zip(SAID, beside.table, strict=True)),
    )


def _limit(model: Model) -> float:
    """The threshold of the class that counts when all are equally probable."""
    return model.categories[best([0.0] * len(model.categories), model)[0]].threshold
