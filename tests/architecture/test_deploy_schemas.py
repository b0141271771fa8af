"""Every object has fields that its kind knows; a kind that nobody knows here fails.

Sources: the schemas of Kubernetes (kubernetes-validate), of KEDA and the Prometheus operator (cloudcoil);
https://www.rabbitmq.com/kubernetes/operator/using-operator, https://cloudnative-pg.io/documentation/current/
"""

from typing import Any

import kubernetes_validate
import pytest
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus

Object = dict[str, Any]
MODELS = {"keda.sh/v1alpha1": keda, "monitoring.coreos.com/v1": prometheus}
FIELDS = {
    ("rabbitmq.com/v1beta1", "RabbitmqCluster"): {"replicas", "persistence", "resources", "rabbitmq", "override"},
    ("postgresql.cnpg.io/v1", "Cluster"): {"instances", "storage", "postgresql", "managed"},
    ("postgresql.cnpg.io/v1", "Database"): {"name", "owner", "cluster"},
}
"""Of the operators' own kinds, which no package describes: the fields used, looked up in their documentation."""


def test_every_object_is_of_a_known_kind_with_known_fields(objects: list[Object]) -> None:
    for thing in objects:
        check(thing)


@pytest.mark.parametrize(
    "thing",
    [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"prots": []}},
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "spec": {"scaleTargetRef": {"nam": "a"}, "triggers": []},
        },
        {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "spec": {"instance": 3}},
        {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Pooler", "spec": {}},
    ],
)
def test_a_slip_is_seen(thing: Object) -> None:
    with pytest.raises(Exception, match=r".+"):
        check(thing)


def check(thing: Object) -> None:
    """Raise unless every field is known: pydantic drops what it does not know, so nothing may be missing after it."""
    version, kind = thing["apiVersion"], thing["kind"]
    if version in MODELS:
        read = getattr(MODELS[version], kind).model_validate(thing)
        assert read.model_dump(by_alias=True, exclude_unset=True, mode="json") == thing
    elif (version, kind) in FIELDS:
        assert set(thing["spec"]) <= FIELDS[version, kind]
    else:
        assert "." not in version.partition("/")[0] or version.partition("/")[0].endswith(".k8s.io"), (version, kind)
        kubernetes_validate.validate(thing, kubernetes_validate.latest_version(), strict=True)
