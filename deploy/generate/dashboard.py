"""The dashboard, in the order in which operators ask: are patients served, does it flow, who works, on what.

Source: https://grafana.github.io/grafana-foundation-sdk/. The rows are a table, so that a panel is one line.
"""

from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common, prometheus, timeseries
from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, VariableHide

WIDTH, HEIGHT, COLUMNS = 8, 7, 24
SOURCE: Final = DataSourceRef("prometheus", "${source}")
QUEUES: Final = r'queue=~".+\\.(stat|urgent|routine|dead-letters)"'
PERCENT, SECONDS, COUNT, PER_SECOND, BYTES = "percentunit", "s", "short", "ops", "bytes"


class Panel(NamedTuple):
    """One picture: legend → query."""

    title: str
    unit: str
    queries: dict[str, str]


def _quantiles(metric: str, by: str = "") -> dict[str, str]:
    grouped = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return {
        f"p{share}{legend}": f"histogram_quantile(0.{share}, sum by ({grouped}) (rate({metric}_bucket[5m])))"
        for share in (50, 95, 99)
    }


def _by(label: str, metric: str, *, counter: bool = False) -> dict[str, str]:
    if counter:
        return {f"{{{{{label}}}}}": f"sum by ({label}) (rate({metric}[5m]))"}
    return {f"{{{{{label}}}}}": f"max by ({label}) ({metric})"}


def _by_model(metric: str, *labels: str, counter: bool = False) -> dict[str, str]:
    by = ", ".join(("model", "version", *labels))
    legend = " ".join(f"{{{{{label}}}}}" for label in ("model", "version", *labels))
    return {legend: f"sum by ({by}) (rate({metric}[5m]))" if counter else f"max by ({by}) ({metric})"}


ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "Clinical service level": (
        Panel(
            "In time, of the studies judged", PERCENT, {w: f"1 - hub:studies_late:ratio{w}" for w in ("1h", "6h", "3d")}
        ),
        Panel("Budget left of 1 % in 3 days", PERCENT, {"left": "1 - hub:studies_late:ratio3d / 0.01"}),
        Panel("Oldest pending study", SECONDS, _by("lane", "hub_oldest_pending_study_seconds")),
        Panel("Oldest flagged study that nobody signed", SECONDS, _by("lane", "hub_oldest_flagged_unsigned_seconds")),
        Panel("Unexplained cases (must be 0)", COUNT, {"unexplained": "max(hub_cases_unexplained)"}),
        Panel("Cases by state", COUNT, _by("state", "hub_cases")),
    ),
    "Flow": (
        Panel("Studies accepted", PER_SECOND, {"{{lane}}": "max by (lane) (rate(hub_studies_accepted_total[5m]))"}),
        Panel("Messages by what became of them", PER_SECOND, _by("outcome", "hub_messages_total", counter=True)),
        Panel("First sign to preliminary result", SECONDS, _quantiles("hub_time_to_preliminary_result_seconds")),
        Panel("Queues: ready", COUNT, _by("queue", f"rabbitmq_detailed_queue_messages_ready{{{QUEUES}}}")),
        Panel("Queues: being worked on", COUNT, _by("queue", f"rabbitmq_detailed_queue_messages_unacked{{{QUEUES}}}")),
        Panel("Queues: consumers", COUNT, _by("queue", f"rabbitmq_detailed_queue_consumers{{{QUEUES}}}")),
        Panel("Dead letters", COUNT, _by("service", "hub_dead_letters")),
        Panel("Outbox: age of the oldest due row", SECONDS, _by("service", "hub_outbox_oldest_seconds")),
        Panel("Deliveries to the hospital", PER_SECOND, _by("outcome", "hub_report_deliveries_total", counter=True)),
    ),
    "Workers and inference": (
        Panel("Time in a handler", SECONDS, _quantiles("hub_message_seconds", "service")),
        Panel("Inference", SECONDS, _quantiles("hub_imaging_inference_seconds", "version")),
        Panel("Answers", PER_SECOND, _by("outcome", "hub_imaging_answers_total", counter=True)),
        Panel("What readers made of the model", PER_SECOND, _by("decision", "hub_ai_decisions_total", counter=True)),
        Panel("Imaging: studies by state", COUNT, _by("state", "hub_imaging_studies")),
        Panel("First look to signature", SECONDS, _quantiles("hub_time_to_sign_seconds")),
    ),
    "Models": (
        Panel("Drift: stability index (judged from 100 answers on)", COUNT, _by_model("hub_model_psi", "statistic")),
        Panel("Studies that a model was asked about", PER_SECOND, _by_model("hub_model_answers_total", counter=True)),
        Panel("Not analysed, of the last answers", PERCENT, _by_model("hub_model_refused_share")),
        Panel(
            "Scores: median",
            PERCENT,
            {
                "{{model}} {{version}}": "histogram_quantile(0.5, "
                "sum by (le, model, version) (increase(hub_model_score_bucket[1d])))"
            },
        ),
        Panel(
            "Agreement with signed readings",
            PERCENT,
            {
                f"{{{{model}}}} {{{{version}}}} {{{{measure}}}} {bound}": "max by (model, version, measure) "
                f'(hub_model_agreement{{measure="agreement", bound="{bound}"}})'
                for bound in ("low", "value", "high")
            },
        ),
        Panel("Signed readings behind it", COUNT, _by_model("hub_model_judged", "measure")),
    ),
    "Doors and what they depend on": (
        Panel("Requests by status", PER_SECOND, _by("status", "hub_http_requests_total", counter=True)),
        Panel("Time to answer", SECONDS, _quantiles("hub_http_request_seconds", "service")),
        Panel("Databases that answer", COUNT, _by("service", "hub_database_up")),
        Panel(
            "Instances by what became of them", PER_SECOND, _by("outcome", "hub_imaging_instances_total", counter=True)
        ),
        Panel("Pixels stored", BYTES, {"a second": "sum(rate(hub_imaging_stored_bytes_total[5m]))"}),
        Panel("Outbox: rows that the broker refused", COUNT, _by("service", "hub_outbox_refused")),
    ),
    "Capacity": (
        Panel("Processor seconds a second", COUNT, _by("job", "process_cpu_seconds_total", counter=True)),
        Panel("Memory", BYTES, {"{{job}}": "sum by (job) (process_resident_memory_bytes)"}),
        Panel("Studies judged", COUNT, {"a day": "hub:studies_judged:increase1d"}),
    ),
}


def hub() -> str:
    """The dashboard as JSON for Grafana 11.6."""
    source = building.DatasourceVariable("source").type("prometheus").hide(VariableHide.DONT_HIDE)
    made = (
        building.Dashboard("Consilium")
        .uid("consilium-hub")
        .tags(["consilium"])
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(source)
    )
    for title, panels in ROWS.items():
        made = made.with_row(building.Row(title))
        for panel in panels:
            made = made.with_panel(_panel(panel))
    return f"{JSONEncoder(sort_keys=True, indent=1).encode(made.build())}\n"


def _panel(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    made = timeseries.Panel().title(panel.title).unit(panel.unit).min(0).span(WIDTH).height(HEIGHT)
    made = made.datasource(SOURCE).legend(legend.show_legend(True))
    for number, (shown, query) in enumerate(panel.queries.items()):
        target = prometheus.Dataquery().expr(query).legend_format(shown).ref_id(chr(ord("A") + number))
        made = made.with_target(target)
    return made
