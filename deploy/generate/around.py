"""What stands around the pods: Ingresses from the routes, scaling by queue, who may speak to whom, alert rules."""

from collections.abc import Iterator
from typing import Final

import yaml
from tables import HTTP_PORT, METRICS_PORT, PRODUCT, ROOT, STAND_INS, Object, kind_of, name_of, queues_of

from shared.embedded.processes import Process
from shared.routes import Route, routes

RULES: Final = ROOT / "deploy" / "observability" / "rules"
STREAMED: Final = 16 * 1024**2
"""Bodies that may be larger go to the service as they come; it spools them itself."""
HOST: Final = "hub.hospital.example"
MESSAGES_A_WORKER: Final = "10"
MOST_WORKERS: Final = 4


def ingresses() -> Iterator[Object]:
    """One a route, because size and time-out are a controller's annotations on a whole Ingress."""
    for route in sorted(routes(), key=lambda route: route.path):
        backend = {"service": {"name": f"{name_of(route.service)}-api", "port": {"name": "http"}}}
        # What is below `/` has a route of its own or none: `/metrics` must not be seen from outside.
        path = {"path": route.path, "pathType": "Exact" if route.path == "/" else "Prefix", "backend": backend}
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": _ingress_name(route), "annotations": _annotations(route)},
            "spec": {
                "tls": [{"hosts": [HOST], "secretName": "hub-tls"}],
                "rules": [{"host": HOST, "http": {"paths": [path]}}],
            },
        }


def _ingress_name(route: Route) -> str:
    return f"hub-{route.path.strip('/').replace('/', '-') or 'start'}"


def _annotations(route: Route) -> dict[str, str]:
    prefix = "nginx.ingress.kubernetes.io/"
    told = {
        f"{prefix}proxy-body-size": str(route.body),
        f"{prefix}proxy-read-timeout": str(route.timeout_s),
        f"{prefix}proxy-send-timeout": str(route.timeout_s),
    }
    return told | ({f"{prefix}proxy-request-buffering": "off"} if route.body > STREAMED else {})


def scaled() -> Iterator[Object]:
    """A ScaledObject a worker: as many as its queues need, never none.

    Unacknowledged messages count, or a worker in a long task is scaled away.
    """
    for process in PRODUCT:
        if kind_of(process) == "worker":
            yield {
                "apiVersion": "keda.sh/v1alpha1",
                "kind": "ScaledObject",
                "metadata": {"name": name_of(process.name)},
                "spec": {
                    "scaleTargetRef": {"name": name_of(process.name)},
                    "minReplicaCount": 1,
                    "maxReplicaCount": MOST_WORKERS,
                    "cooldownPeriod": 300,
                    "triggers": [_trigger(queue) for queue in queues_of(process)],
                },
            }


def _trigger(queue: str) -> Object:
    return {
        "type": "rabbitmq",
        "metadata": {
            "protocol": "http",
            "mode": "QueueLength",
            "value": MESSAGES_A_WORKER,
            "queueName": queue,
            "excludeUnacknowledged": "false",
        },
        "authenticationRef": {"name": "hub-broker-management"},
    }


def policies(processes: tuple[Process, ...] = PRODUCT) -> Iterator[Object]:
    """One a workload: who may call it. Whom it may call besides is in the policies written by hand."""
    for process in processes:
        api = kind_of(process) == "api"
        port = [{"protocol": "TCP", "port": HTTP_PORT if api else METRICS_PORT}]
        callers = [_from_namespace("monitoring"), *([_from_namespace("ingress")] if api and process.needs else [])]
        if process in STAND_INS:
            callers.append({"podSelector": {"matchLabels": {"consilium.example/service": "results-sharing"}}})
            callers.append({"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway-api"}}})
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name_of(process.name)},
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": name_of(process.name)}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": callers, "ports": port}],
            },
        }


def _from_namespace(purpose: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {"consilium.example/purpose": purpose}}}


def prometheus_rules() -> Iterator[Object]:
    """The plain rule files as the Prometheus operator takes them."""
    for file in sorted(RULES.glob("*.yaml")):
        yield {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"hub-{file.stem}"},
            "spec": yaml.safe_load(file.read_text()),
        }
