"""Manifests, compose file and dashboard say what the tables say that the code runs by."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared import topology
from shared.embedded.processes import commands_after, processes
from shared.events import APART, SUBSCRIPTIONS, Lane, queue_of, queues_of
from shared.routes import routes

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
TABLE = yaml.safe_load((ROOT / "deploy" / "processes.yaml").read_text())["processes"]
Objects = list[dict[str, Any]]


def of(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    return {thing["metadata"]["name"]: thing for thing in objects if thing["kind"] == kind}


def commands(objects: Objects) -> dict[str, list[str]]:
    return {
        name: thing["spec"]["template"]["spec"]["containers"][0]["command"]
        for name, thing in of(objects, "Deployment").items()
    }


def test_what_is_generated_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "deploy/generate", "--check"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_process_is_a_deployment_with_the_same_command(build: Callable[[str], Objects]) -> None:
    expected = {name.replace("_", "-"): shlex.split(row["command"]) for name, row in TABLE.items()}
    assert commands(build("dev")) == expected


def test_production_has_every_process_but_the_simulated_hospital(build: Callable[[str], Objects]) -> None:
    expected = {process.name.replace("_", "-") for process in processes() if process.service != "simulator"}
    assert set(commands(build("production"))) == expected


def test_every_process_is_a_compose_service_with_the_same_command() -> None:
    found = {name: COMPOSE["services"][name]["command"] for name in TABLE}
    assert found == {name: shlex.split(row["command"]) for name, row in TABLE.items()}


def test_a_compose_service_waits_for_what_must_have_migrated() -> None:
    for process in processes():
        waits = COMPOSE["services"][process.name]["depends_on"]
        assert {f"{need}-migration" for need in process.needs} <= set(waits)
        assert "keys" in waits


def test_compose_opens_its_doors_on_loopback_only() -> None:
    opened = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert opened == {"proxy": ["127.0.0.1:8080:8080"], "imaging-dimse": ["127.0.0.1:11112:11112"]}


def test_every_service_with_a_database_migrates_by_a_job(objects: Objects) -> None:
    jobs = [job["spec"]["template"]["spec"]["containers"][0]["command"] for job in objects if job["kind"] == "Job"]
    afterwards = [["hub", *words] for service in SUBSCRIPTIONS for words in commands_after(service)]
    assert sorted(jobs) == sorted([*(["hub", "migrate", service] for service in SUBSCRIPTIONS), *afterwards])


def test_every_route_is_an_ingress_with_its_size_and_time(objects: Objects) -> None:
    prefix = "nginx.ingress.kubernetes.io"
    found = {}
    for ingress in of(objects, "Ingress").values():
        (rule,) = ingress["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        told = ingress["metadata"]["annotations"]
        assert told[f"{prefix}/proxy-read-timeout"] == told[f"{prefix}/proxy-send-timeout"]
        assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
        found[path["path"]] = (
            path["backend"]["service"]["name"],
            int(told[f"{prefix}/proxy-body-size"]),
            int(told[f"{prefix}/proxy-read-timeout"]),
        )
    assert found == {
        route.path: (f"{route.service.replace('_', '-')}-api", route.body, route.timeout_s) for route in routes()
    }


def test_what_operators_see_is_not_seen_from_outside(objects: Objects) -> None:
    """`/` is exactly itself, so that /metrics, /healthz and /readyz have no way in."""
    paths = [i["spec"]["rules"][0]["http"]["paths"][0] for i in of(objects, "Ingress").values()]
    exact = {path["path"] for path in paths if path["pathType"] == "Exact"}
    assert exact == {"/"}
    assert not {"/metrics", "/healthz", "/readyz"} & {path["path"] for path in paths}


def test_a_worker_scales_with_the_queues_that_it_consumes(objects: Objects) -> None:
    declared = {queue.name for service in SUBSCRIPTIONS for queue in topology.work_queues(service)}
    workers = commands(objects)
    scaled = of(objects, "ScaledObject")
    assert set(scaled) == {name for name, words in workers.items() if "celery" in words}
    for scaler in scaled.values():
        target = scaler["spec"]["scaleTargetRef"]["name"]
        words = workers[target]
        told = [trigger["metadata"] for trigger in scaler["spec"]["triggers"]]
        assert [trigger["queueName"] for trigger in told] == words[words.index("-Q") + 1].split(",")
        assert {trigger["queueName"] for trigger in told} <= declared
        assert all(trigger["excludeUnacknowledged"] == "false" for trigger in told)
        assert all((trigger["protocol"], trigger["mode"]) == ("http", "QueueLength") for trigger in told)
        assert 1 <= scaler["spec"]["minReplicaCount"] <= scaler["spec"]["maxReplicaCount"]
        assert "replicas" not in of(objects, "Deployment")[target]["spec"]


@pytest.mark.parametrize("service", sorted(SUBSCRIPTIONS))
def test_every_queue_has_a_worker(service: str, build: Callable[[str], Objects]) -> None:
    consumed = {
        queue
        for words in commands(build("production")).values()
        if "celery" in words
        for queue in words[words.index("-Q") + 1].split(",")
    }
    assert set(queues_of(service)) <= consumed


def test_reading_never_waits_for_work_that_is_kept_apart(objects: Objects) -> None:
    apart = {
        queue_of(service, lane, event)
        for service, works in APART.items()
        for events in works.values()
        for event in events
        for lane in Lane
    }
    for words in commands(objects).values():
        if "celery" in words:
            consumed = set(words[words.index("-Q") + 1].split(","))
            assert consumed <= apart or consumed & apart <= {"imaging.volumes.stat"}  # read at once, beside a picture


def test_every_service_that_stores_has_a_role_and_a_database_where_an_operator_keeps_them(
    build: Callable[[str], Objects],
) -> None:
    found = build("dev")
    (cluster,) = of(found, "Cluster").values()
    roles = {role["name"] for role in cluster["spec"]["managed"]["roles"]}
    databases = {thing["spec"]["name"]: thing["spec"]["owner"] for thing in of(found, "Database").values()}
    assert roles == {f"hub_{service}" for service in SUBSCRIPTIONS}
    assert databases == {name: name for name in roles}
