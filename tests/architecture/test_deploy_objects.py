"""What a schema cannot say of the manifests: that selectors, ports, volumes, probes and budgets fit each other.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (restricted)
"""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from shared.events import SUBSCRIPTIONS
from shared.worker.application import GRACE, LIMIT

Object = dict[str, Any]
SITE = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "": 1.0}


def pods(objects: list[Object]) -> dict[str, Object]:
    """Pod templates by the name of what makes them."""
    made = [thing for thing in objects if thing["kind"] in {"Deployment", "Job"}]
    return {thing["metadata"]["name"]: thing["spec"]["template"] for thing in made}


def containers(objects: list[Object]) -> list[tuple[str, Object]]:
    return [(name, container) for name, pod in pods(objects).items() for container in pod["spec"]["containers"]]


def of(objects: list[Object], kind: str) -> dict[str, Object]:
    return {thing["metadata"]["name"]: thing for thing in objects if thing["kind"] == kind}


def chosen(selector: Object, labels: Object) -> bool:
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def amount(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(m|Ki|Mi|Gi|)", text)
    assert match, text
    return float(match[1]) * UNITS[match[2]]


def test_a_deployment_chooses_its_own_pods_and_no_others(objects: list[Object]) -> None:
    for deployment in of(objects, "Deployment").values():
        selector = deployment["spec"]["selector"]
        found = [name for name, pod in pods(objects).items() if chosen(selector, pod["metadata"]["labels"])]
        assert found == [deployment["metadata"]["name"]]


def test_a_service_leads_to_a_port_of_its_pods(objects: list[Object]) -> None:
    for service in of(objects, "Service").values():
        behind = [
            p for p in pods(objects).values() if service["spec"]["selector"].items() <= p["metadata"]["labels"].items()
        ]
        assert len(behind) == 1
        offered = {port["name"] for port in behind[0]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= offered


def test_an_ingress_leads_to_a_port_of_a_service(objects: list[Object]) -> None:
    services = of(objects, "Service")
    for ingress in of(objects, "Ingress").values():
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}


def test_names_of_ports_are_short_and_single(objects: list[Object]) -> None:
    for _, container in containers(objects):
        names = [port["name"] for port in container.get("ports", [])]
        assert len(names) == len(set(names))
        assert all(len(name) <= 15 for name in names)


def test_requests_are_within_limits(objects: list[Object]) -> None:
    for name, container in containers(objects):
        asked, most = container["resources"]["requests"], container["resources"]["limits"]
        assert set(asked) == set(most) == {"cpu", "memory"}, name
        assert all(amount(asked[what]) <= amount(most[what]) for what in asked), name


def test_every_mount_has_a_volume_and_every_volume_a_mount(objects: list[Object]) -> None:
    for name, pod in pods(objects).items():
        mounts = [mount for container in pod["spec"]["containers"] for mount in container["volumeMounts"]]
        assert {mount["name"] for mount in mounts} == {volume["name"] for volume in pod["spec"]["volumes"]}, name
        paths = [mount["mountPath"] for mount in mounts]
        assert len(paths) == len(set(paths)), name


def test_every_pod_is_restricted(objects: list[Object]) -> None:
    for name, pod in pods(objects).items():
        spec, whole = pod["spec"], pod["spec"]["securityContext"]
        assert whole["runAsNonRoot"], name
        assert whole["runAsUser"] > 0
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        kinds = {key for volume in spec["volumes"] for key in volume if key != "name"}
        assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_no_pod_holds_a_token_for_kubernetes(objects: list[Object]) -> None:
    accounts = of(objects, "ServiceAccount")
    for name, pod in pods(objects).items():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert accounts[pod["spec"]["serviceAccountName"]]["automountServiceAccountToken"] is False


def test_the_namespace_refuses_what_is_not_restricted(objects: list[Object]) -> None:
    (namespace,) = of(objects, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    apart = {thing["metadata"].get("namespace") for thing in objects if thing["kind"] != "Namespace"}
    assert apart == {namespace["metadata"]["name"]}


def test_probes_ask_different_things(objects: list[Object]) -> None:
    """Alive never depends on broker or database; ready does."""
    for name, deployment in of(objects, "Deployment").items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        alive, ready = container["livenessProbe"], container["readinessProbe"]
        assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 60
        if deployment["metadata"]["labels"]["app.kubernetes.io/component"] == "api":
            assert (alive["httpGet"]["path"], ready["httpGet"]["path"]) == ("/healthz", "/readyz")
        else:
            assert "HUB_HEARTBEAT_FILE" in alive["exec"]["command"][-1], name
            assert ready["httpGet"]["path"] == "/metrics"
        for probe in (alive, ready):
            if "httpGet" in probe:
                assert probe["httpGet"]["port"] in {port["name"] for port in container["ports"]}


def test_a_rollout_takes_no_pod_away_before_another_is_ready(objects: list[Object]) -> None:
    for deployment in of(objects, "Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_door_lets_the_proxies_forget_it_before_it_closes(objects: list[Object]) -> None:
    for deployment in of(objects, "Deployment").values():
        if deployment["metadata"]["labels"]["app.kubernetes.io/component"] == "api":
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]


def test_a_process_may_end_its_longest_work_before_it_is_killed(objects: list[Object]) -> None:
    longest = dict.fromkeys(of(objects, "Deployment"), 0)
    for ingress in of(objects, "Ingress").values():
        backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
        told = int(ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"])
        longest[backend] = max(longest[backend], told + 5)
    for name, deployment in of(objects, "Deployment").items():
        kind = deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        work = (LIMIT + GRACE).total_seconds() if kind == "worker" else longest[name]
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= work + 10, name


def test_a_budget_leaves_one_disruption_and_one_pod(objects: list[Object]) -> None:
    budgets, deployments = of(objects, "PodDisruptionBudget"), of(objects, "Deployment")
    doors = {n for n, d in deployments.items() if d["metadata"]["labels"]["app.kubernetes.io/component"] == "api"}
    assert set(budgets) == doors
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert deployments[name]["spec"]["replicas"] >= 2
        assert budget["spec"]["selector"] == deployments[name]["spec"]["selector"]


def test_every_reference_is_rendered(objects: list[Object]) -> None:
    settings, claims = of(objects, "ConfigMap"), of(objects, "PersistentVolumeClaim")
    for name, container in containers(objects):
        assert all(source["configMapRef"]["name"] in settings for source in container["envFrom"]), name
    volumes = [volume for pod in pods(objects).values() for volume in pod["spec"]["volumes"]]
    claimed = {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}
    assert claimed == set(claims)


def test_every_secret_is_asked_of_the_site(objects: list[Object]) -> None:
    """Each is named with its keys in docs/deploy.md; none stands in the manifests."""
    assert not of(objects, "Secret")
    for name, keys in secrets_used(objects):
        assert secret_is_documented(name, keys), (name, keys)


def secrets_used(objects: list[Object]) -> Iterator[tuple[str, list[str]]]:
    for _, container in containers(objects):
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                asked = variable["valueFrom"]["secretKeyRef"]
                yield asked["name"], [asked["key"]]
    for pod in pods(objects).values():
        for volume in pod["spec"]["volumes"]:
            if "secret" in volume:
                yield volume["secret"]["secretName"], [item["key"] for item in volume["secret"]["items"]]
    for authentication in of(objects, "TriggerAuthentication").values():
        yield from ((asked["name"], [asked["key"]]) for asked in authentication["spec"]["secretTargetRef"])


def secret_is_documented(name: str, keys: list[str]) -> bool:
    shape = re.sub(r"hub-.+-database", "hub-<service>-database", name)
    rows = [line for line in SITE.splitlines() if line.startswith(f"| `{shape}`")]
    return len(rows) == 1 and all(f"`{key}`" in rows[0] for key in keys)


def test_only_the_gateway_can_sign_sessions_and_only_one_worker_kind_the_audit(objects: list[Object]) -> None:
    holders: dict[str, set[str]] = {"session.key": set(), "audit.key": set()}
    for name, pod in pods(objects).items():
        for volume in pod["spec"]["volumes"]:
            for item in volume.get("secret", {}).get("items", []):
                holders.setdefault(item["key"], set()).add(name)
    assert holders["session.key"] == {"gateway-api"}
    assert holders["audit.key"] == {"results-sharing-worker", "results-sharing-worker-stat"}


def test_every_monitor_finds_pods_and_their_port(objects: list[Object]) -> None:
    watched = set()
    for monitor in [*of(objects, "ServiceMonitor").values(), *of(objects, "PodMonitor").values()]:
        ends = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
        assert all(end["honorLabels"] for end in ends), "the hub's own label `service` must stay"
        if monitor["kind"] == "ServiceMonitor":
            found = [
                s
                for s in of(objects, "Service").values()
                if chosen(monitor["spec"]["selector"], s["metadata"]["labels"])
            ]
            offered = {port["name"] for service in found for port in service["spec"]["ports"]}
            watched |= {service["metadata"]["name"] for service in found}
        else:
            behind = {
                n: p for n, p in pods(objects).items() if chosen(monitor["spec"]["selector"], p["metadata"]["labels"])
            }
            offered = {port["name"] for pod in behind.values() for port in pod["spec"]["containers"][0]["ports"]}
            watched |= set(behind)
        assert {end["port"] for end in ends} == offered - {"dicom"}  # peers call it; it shows nothing to operators
    assert watched == set(of(objects, "Deployment"))


def test_production_names_images_by_digest(build: Callable[[str], list[Object]]) -> None:
    for name, container in containers(build("production")):
        assert re.fullmatch(r"[\w.-]+/consilium-[\w-]+@sha256:[0-9a-f]{64}", container["image"]), name


@pytest.mark.parametrize("overlay", ["dev", "production"])
def test_no_image_is_whatever_is_latest(build: Callable[[str], list[Object]], overlay: str) -> None:
    for name, container in containers(build(overlay)):
        assert re.search(r"(@sha256:|:(?!latest))[\w]+$", container["image"]), name


def test_every_service_starts_with_the_settings_that_its_pods_get(
    build: Callable[[str], list[Object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each service reads its own settings from what the manifests say; only names of files are read, not files."""
    built = build("production")
    (told,) = of(built, "ConfigMap").values()
    for name, value in told["data"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HUB_BROKER_URL", "amqp://broker.example/")
    for service in sorted(SUBSCRIPTIONS):
        settings = import_module(f"services.{service}.settings")
        assert settings.Settings().public_url == told["data"]["HUB_PUBLIC_URL"]
