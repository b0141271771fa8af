"""Who may speak to whom: a table, and an evaluator of the rendered policies that finds exactly the table.

Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Object = dict[str, Any]
HUB = "consilium"
PORTS = (53, 104, 443, 4369, 5432, 5671, 5672, 6443, 8000, 8080, 9090, 9187, 11112, 15672, 15692, 25672)
Edge = tuple[str, str, int]


@dataclass(frozen=True)
class End:
    """A pod with its labels and its namespace's, or an address outside."""

    name: str
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    space: dict[str, str] = field(default_factory=dict, hash=False)
    address: str = ""


SPACE = {"kubernetes.io/metadata.name": HUB}
OUTSIDERS = (
    End("ingress", {}, {"consilium.example/purpose": "ingress"}),
    End("monitoring", {}, {"consilium.example/purpose": "monitoring"}),
    End("keda", {}, {"consilium.example/purpose": "keda"}),
    End("cnpg", {}, {"kubernetes.io/metadata.name": "cnpg-system"}),
    End("rabbitmq-operator", {}, {"kubernetes.io/metadata.name": "rabbitmq-system"}),
    End("dns", {"k8s-app": "kube-dns"}, {"kubernetes.io/metadata.name": "kube-system"}),
    End(
        "neighbour",
        {"app.kubernetes.io/component": "worker", "consilium.example/service": "gateway"},
        {"team": "other"},
    ),
    End("internet", address="203.0.113.9"),
    End("postgres-server", address="192.0.2.17"),
    End("rabbitmq-server", address="192.0.2.33"),
    End("ehr", address="198.51.100.5"),
    End("archive", address="192.0.2.65"),
)
MADE_BY_OPERATORS = (
    End("postgres", {"cnpg.io/cluster": "hub-postgres"}, SPACE),
    End("rabbitmq", {"app.kubernetes.io/name": "hub-rabbitmq"}, SPACE),
)


def test_exactly_the_table_is_allowed_where_operators_keep_the_servers(build: Callable[[str], list[Object]]) -> None:
    objects = build("dev")
    ends = [*pods(objects), *MADE_BY_OPERATORS, *OUTSIDERS]
    hub, by = pods(objects), kinds(objects)
    table = common(hub, by) | edges(["dns"], ["dns"], [])
    table |= edges(["monitoring"], ["simulator-api"], [8080])
    table |= edges(set(names(hub)) - {"simulator-api"}, ["postgres"], [5432])
    table |= edges(of_the_broker(by), ["rabbitmq"], [5672])
    table |= edges(deliverers(by) | {"gateway-api"}, ["simulator-api"], [8080])
    table |= edges(["postgres", "rabbitmq"], ["dns"], [53])
    table |= edges(["postgres", "cnpg"], ["postgres"], [5432, 8000])
    table |= edges(["rabbitmq"], ["rabbitmq"], [4369, 25672])
    table |= edges(["keda", "rabbitmq-operator"], ["rabbitmq"], [15672])
    table |= edges(["monitoring"], ["postgres"], [9187]) | edges(["monitoring"], ["rabbitmq"], [15692])
    outside = [end.name for end in OUTSIDERS]
    table |= edges(["postgres", "rabbitmq"], outside, [443, 6443])
    assert allowed(objects, ends) == table


def test_exactly_the_table_is_allowed_where_a_site_has_its_own_servers(build: Callable[[str], list[Object]]) -> None:
    objects = build("production")
    hub, by = pods(objects), kinds(objects)
    table = common(hub, by)
    table |= edges(names(hub), ["postgres-server"], [5432])
    table |= edges(of_the_broker(by), ["rabbitmq-server"], [5671, 5672])
    table |= edges(deliverers(by) | {"gateway-api"}, ["ehr"], [443])
    table |= edges(["archive"], ["imaging-dimse"], [11112]) | edges(["imaging-dimse"], ["archive"], [104, 11112])
    assert allowed(objects, [*hub, *OUTSIDERS]) == table


def common(hub: list[End], by: dict[str, set[str]]) -> set[Edge]:
    doors = by["api"] - {"simulator-api"}
    seen = edges(["monitoring"], by["worker"] | by["relay"] | by["listener"], [9090]) | edges(
        ["monitoring", "ingress"], doors, [8080]
    )
    return seen | edges(names(hub), ["dns"], [53])


def of_the_broker(by: dict[str, set[str]]) -> set[str]:
    """Who works with it, and the apis, which look at their queues for the operator's page."""
    return by["worker"] | by["relay"] | by["api"] - {"simulator-api"}


def deliverers(by: dict[str, set[str]]) -> set[str]:
    return {name for name in by["worker"] if name.startswith("results-sharing")}


def edges(sources: Iterable[str], targets: Iterable[str], ports: Iterable[int]) -> set[Edge]:
    return set(product(sources, targets, ports))


def names(ends: Iterable[End]) -> list[str]:
    return [end.name for end in ends]


def pods(objects: list[Object]) -> list[End]:
    made = [thing for thing in objects if thing["kind"] in {"Deployment", "Job"}]
    return [End(t["metadata"]["name"], t["spec"]["template"]["metadata"]["labels"], SPACE) for t in made]


def kinds(objects: list[Object]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for end in pods(objects):
        found.setdefault(end.labels["app.kubernetes.io/component"], set()).add(end.name)
    return found


def allowed(objects: list[Object], ends: list[End]) -> set[Edge]:
    """Every way that is open at both of its ends and touches the hub; between outsiders it is not ours to say."""
    policies = [thing["spec"] for thing in objects if thing["kind"] == "NetworkPolicy"]
    return {
        (source.name, target.name, port)
        for source, target, port in product(ends, ends, PORTS)
        if SPACE in (source.space, target.space)
        and opens(policies, source, target, port, "Egress")
        and opens(policies, target, source, port, "Ingress")
    }


def opens(policies: list[Object], own: End, other: End, port: int, way: str) -> bool:
    """Whether the policies of one end allow the other: those that choose it add up; without any, all is open."""
    if own.space != SPACE:
        return True
    mine = [p for p in policies if way in p["policyTypes"] and chooses(p["podSelector"], own.labels)]
    rules = [rule for policy in mine for rule in policy.get(way.lower(), [])]
    peers = "to" if way == "Egress" else "from"
    return not mine or any(
        (peers not in rule or any(is_peer(peer, other) for peer in rule[peers]))
        and ("ports" not in rule or port in {told["port"] for told in rule["ports"]})
        for rule in rules
    )


def is_peer(peer: Object, other: End) -> bool:
    if "ipBlock" in peer:
        assert "except" not in peer["ipBlock"]
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return bool(other.address) and ipaddress.ip_address(other.address) in network
    if other.address:
        return False
    space = peer.get("namespaceSelector", {"matchLabels": SPACE})
    return chooses(space, other.space) and chooses(peer.get("podSelector", {}), other.labels)


def chooses(selector: Object, labels: dict[str, str]) -> bool:
    tests = {
        "Exists": lambda value, _: value is not None,
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
    }
    said = all(
        tests[rule["operator"]](labels.get(rule["key"]), rule.get("values"))
        for rule in selector.get("matchExpressions", [])
    )
    return said and selector.get("matchLabels", {}).items() <= labels.items()
