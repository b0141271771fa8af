"""Each process as a Deployment, each service's migration as a Job; what all pods have in common is patched in.

The patches are `deploy/k8s/base/pods/*.yaml`: they find their pods by the label `app.kubernetes.io/component`.
"""

from collections.abc import Iterator

from tables import (
    HOLD_TORCH,
    HTTP_PORT,
    LONGEST_TASK_S,
    MARGIN_S,
    METRICS_PORT,
    PEER_PORT,
    PRODUCT,
    SERVICES,
    SIZES,
    WITH_TORCH,
    Object,
    kind_of,
    labels_of,
    name_of,
)

from shared.embedded.processes import Process, commands_after
from shared.routes import routes


def deployments(processes: tuple[Process, ...] = PRODUCT) -> Iterator[Object]:
    """One for each process; who is called also gets a Service, and an api a budget for disruptions."""
    for process in processes:
        yield _deployment(process)
        if kind_of(process) == "api":
            yield from _around(process)
        elif process.listens:
            yield _called(process)


def accounts(services: tuple[str, ...] = SERVICES) -> Iterator[Object]:
    """An identity a service, without a token: nothing here talks to Kubernetes."""
    for service in services:
        yield {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name_of(service)},
            "automountServiceAccountToken": False,
        }


def migrations() -> Iterator[Object]:
    """A Job a service. The new pods are not ready, and the old ones serve, until it is done."""
    for service in SERVICES:
        name = f"{name_of(service)}-migration"
        container = {
            "name": "hub",
            "image": f"consilium-{name_of(service)}",
            "command": ["hub", "migrate", service],
            "envFrom": [{"configMapRef": {"name": "hub-settings"}}],
            "env": _database(service),
            "resources": SIZES["relay"],
        }
        pod = {"serviceAccountName": name_of(service), "restartPolicy": "OnFailure", "containers": [container]}
        yield _job(name, service, pod)
        for words in commands_after(service):
            yield _job(f"{name_of(service)}-{words[0]}", service, _afterwards(service, words))


def _afterwards(service: str, words: tuple[str, ...]) -> Object:
    """What belongs into a migrated database; it fails and is tried again until that has migrated."""
    container = {
        "name": "hub",
        "image": f"consilium-{name_of(service)}",
        "command": ["hub", *words],
        "envFrom": [{"configMapRef": {"name": "hub-settings"}}],
        "env": [_secret("HUB_BROKER_URL", "hub-broker", "url"), *_database(service)],
        "resources": WITH_TORCH,
        "volumeMounts": [{"name": "pixels", "mountPath": "/var/lib/hub/pixels"}],
    }
    return {
        "serviceAccountName": name_of(service),
        "restartPolicy": "OnFailure",
        "containers": [container],
        "volumes": [{"name": "pixels", "persistentVolumeClaim": {"claimName": "pixels"}}],
    }


def _job(name: str, service: str, pod: Object) -> Object:
    labels = labels_of(name, service, "migration")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 6,
            "ttlSecondsAfterFinished": 3600,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _deployment(process: Process) -> Object:
    name, kind = name_of(process.name), kind_of(process)
    labels = labels_of(name, process.service, kind)
    own = {"app.kubernetes.io/name": name}
    ports = [("http", HTTP_PORT) if kind == "api" else ("metrics", METRICS_PORT)]
    ports += [("dicom", PEER_PORT)] if process.listens else []
    with_torch = kind == "worker" and process.service in HOLD_TORCH
    container = {
        "name": "hub",
        "image": f"consilium-{name_of(process.service)}",
        "command": list(process.command),
        "ports": [{"name": name, "containerPort": number} for name, number in ports],
        "envFrom": [{"configMapRef": {"name": "hub-settings"}}],
        "env": [*_broker(process), *(env for need in process.needs for env in _database(need))],
        "resources": WITH_TORCH if with_torch else SIZES[kind],
    }
    pod: Object = {
        "serviceAccountName": name_of(process.service),
        "terminationGracePeriodSeconds": _longest(process) + MARGIN_S,
        "containers": [container],
    }
    if kind == "api":
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": own},
            }
        ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 2 if kind == "api" else 1,
            "selector": {"matchLabels": own},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _longest(process: Process) -> int:
    """Seconds that the longest piece of work may take, which a process is given to end it."""
    match kind_of(process):
        case "worker":
            return LONGEST_TASK_S
        case "api":
            return max((route.timeout_s for route in routes() if route.service == process.service), default=0)
        case _:
            return 0


def _around(process: Process) -> Iterator[Object]:
    name = name_of(process.name)
    own = {"app.kubernetes.io/name": name}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels_of(name, process.service, "api")},
        "spec": {"selector": own, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
    yield {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": own}},
    }


def _called(process: Process) -> Object:
    """What peers outside of the cluster call; how they reach it (LoadBalancer, node port) is the overlay's to say."""
    name = name_of(process.name)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels_of(name, process.service, "listener")},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "dicom", "port": PEER_PORT, "targetPort": "dicom"}],
        },
    }


def _broker(process: Process) -> list[Object]:
    return [_secret("HUB_BROKER_URL", "hub-broker", "url")] if process.needs else []


def _database(service: str) -> list[Object]:
    return [_secret(f"HUB_{service.upper()}_DATABASE_URL", f"hub-{name_of(service)}-database", "url")]


def _secret(variable: str, name: str, key: str) -> Object:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
