"""What Prometheus is shown of each model, on the relay; every label is bounded, and none is a person."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily

from services.imaging import store
from services.imaging.domain.intervals import Share
from services.imaging.domain.watching import agreement, performance
from services.imaging.settings import settings
from services.imaging.watching import look_at_all


def families(session: store.Session) -> Iterator[GaugeMetricFamily]:
    """How each model that may be asked is doing; verdicts need a volume, which the alerts ask for."""
    named = ["model", "version"]
    answers = GaugeMetricFamily("hub_model_window_answers", "Answers that a model is watched by", labels=named)
    refused = GaugeMetricFamily("hub_model_refused_share", "Share of them not analysed", labels=named)
    psi = GaugeMetricFamily("hub_model_psi", "Population stability index", labels=[*named, "statistic"])
    seen = GaugeMetricFamily("hub_model_psi_values", "Values behind the index", labels=[*named, "statistic"])
    chance = GaugeMetricFamily(
        "hub_model_psi_chance", "Index that chance hardly ever exceeds: 1 % of windows", labels=[*named, "statistic"]
    )
    agreed = GaugeMetricFamily(
        "hub_model_agreement", "Agreement with signed readings, 95 % interval", labels=[*named, "measure", "bound"]
    )
    judged = GaugeMetricFamily("hub_model_judged", "Answers behind the agreement", labels=[*named, "measure"])
    for watch in look_at_all(session, settings(), datetime.now(UTC)):
        name = [watch.entry.model.name, watch.entry.model.version]
        answers.add_metric(name, len(watch.answers))
        refused.add_metric(name, watch.refused.value if watch.refused else 0.0)
        for each in watch.drifts:
            if each.psi is not None:
                psi.add_metric([*name, each.statistic], each.psi)
                seen.add_metric([*name, each.statistic], each.n)
                chance.add_metric([*name, each.statistic], each.chance)
        shares: dict[str, Share | None] = performance(watch.judged)
        shares |= {"agreement": agreement(watch.told), "recent": watch.recent, "before": watch.before}
        for measure, share in shares.items():
            if share:
                judged.add_metric([*name, measure], share.whole)
                for bound in ("value", "low", "high"):
                    agreed.add_metric([*name, measure, bound], getattr(share, bound))
    yield from (answers, refused, psi, seen, chance, agreed, judged)
