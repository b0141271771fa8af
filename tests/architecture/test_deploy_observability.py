"""Alerts fire and stay silent as told, have runbooks, and everything asked of Prometheus is a metric that exists."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES = [
    rule
    for file in sorted((FOLDER / "rules").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
TESTS = [
    test for file in sorted((FOLDER / "tests").glob("*.yaml")) for test in yaml.safe_load(file.read_text())["tests"]
]
DASHBOARD = json.loads((FOLDER / "dashboards" / "hub.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = sorted({target["expr"] for panel in PANELS for target in panel["targets"]})
OF_OTHERS = {
    "rabbitmq_detailed_queue_consumers",
    "rabbitmq_detailed_queue_messages_ready",
    "rabbitmq_detailed_queue_messages_unacked",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
}
"""RabbitMQ's (stable from 3.10 to 4.3) and those of prometheus-client's own."""
DECLARED = re.compile(
    r"(Counter|Gauge|Histogram|CounterMetricFamily|GaugeMetricFamily|self\._family)\(\s*\"(hub_\w+)\"", re.DOTALL
)
SUFFIXES = {"Counter": ("_total",), "CounterMetricFamily": ("_total",), "Histogram": ("_bucket", "_sum", "_count")}
BOUNDED = {
    *(
        "answer",
        "bound",
        "change",
        "command",
        "decision",
        "event",
        "flagged",
        "held",
        "lane",
        "measure",
        "method",
        "model",
    ),
    *("outcome", "reason", "route", "statistic"),
    *("service", "sqlstate", "stage", "state", "status", "type", "version"),
}
"""Labels whose values come from a table in the code, from a model package, or from HTTP."""
SOURCES = [path for top in ("services", "shared") for path in (ROOT / top).rglob("*.py")]
KINDS = {"Counter", "CounterMetricFamily", "Gauge", "GaugeMetricFamily", "Histogram"}


@cache
def metrics() -> set[str]:
    """Every series that the code can show."""
    found = [match for path in SOURCES for match in DECLARED.findall(path.read_text())]
    return {f"{name}{suffix}" for kind, name in found for suffix in SUFFIXES.get(kind, ("",))}


def named(query: str) -> set[str]:
    bare = re.sub(r'"[^"]*"', "", query)
    return set(re.findall(r"\b(?:hub|rabbitmq|process)[_:][\w:]+", bare))


def promtool(*words: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    return subprocess.run(["promtool", *words], cwd=FOLDER / "tests", capture_output=True, text=True, check=False)


def test_the_rules_are_well_formed() -> None:
    done = promtool("check", "rules", *(str(file) for file in sorted((FOLDER / "rules").glob("*.yaml"))))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", sorted((FOLDER / "tests").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_alerts_fire_and_stay_silent(file: Path) -> None:
    assert "group_eval_order" in yaml.safe_load(file.read_text()), "without it recorded figures may come too late"
    done = promtool("test", "rules", file.name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_is_seen_firing_and_silent(alert: str) -> None:
    told = [
        bool(case["exp_alerts"])
        for test in TESTS
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == alert
    ]
    assert set(told) == {True, False}


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_says_what_it_is_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"].endswith(f"/{alert}.md")
    runbook = (FOLDER / "runbooks" / f"{alert}.md").read_text()
    assert re.findall(r"^#+ (.+)$", runbook, re.MULTILINE) == [alert, "Meaning", "Impact", "Diagnosis", "Mitigation"]


def test_every_runbook_has_an_alert_and_leads_somewhere() -> None:
    files = {file.stem: file.read_text() for file in (FOLDER / "runbooks").glob("*.md")}
    assert set(files) == set(ALERTS)
    assert {link for text in files.values() for link in re.findall(r"\]\((\w+)\.md\)", text)} <= set(files)


@pytest.mark.parametrize("query", [*QUERIES, *sorted({rule["expr"] for rule in RULES})])
def test_what_is_asked_is_a_metric_that_exists(query: str) -> None:
    assert named(query)
    assert named(query) <= metrics() | RECORDED | OF_OTHERS


def test_every_panel_s_query_can_be_read(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(QUERIES)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_begins_with_the_patients() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Clinical service level",
        "Flow",
        "Workers and inference",
        "Models",
        "Doors and what they depend on",
        "Capacity",
    ]


def test_panels_stand_beside_and_below_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_no_label_can_name_a_patient_or_grow_without_end() -> None:
    """A new label is looked at here: how many values it can have, and whether one of them could be a person."""
    used = {label for path in SOURCES for label in labels_in(ast.parse(path.read_text()))}
    assert used <= BOUNDED, used - BOUNDED


def labels_in(tree: ast.AST) -> Iterator[str]:
    """The labels of every metric that is made in a module."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KINDS):
            continue
        given = [*call.args[2:3], *(word.value for word in call.keywords if word.arg in {"labels", "labelnames"})]
        for labels in given:
            if isinstance(labels, ast.List):
                yield from (item.value for item in labels.elts if isinstance(item, ast.Constant))
