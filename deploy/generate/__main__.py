"""`python deploy/generate [--check]`: make the manifests and the compose file from the tables of the hub.

With `--check` nothing is written: it names each file that differs, and exits 1.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import around
import dashboard
import databases
import evaluation
import workloads
from tables import ROOT, STAND_INS, as_yaml

PROCESSES = "deploy/processes.yaml"
DEPLOY = ROOT / "deploy"


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and what is to stand in it."""
    base, components = DEPLOY / "k8s" / "base", DEPLOY / "k8s" / "components"
    yield base / "processes.yaml", as_yaml(workloads.deployments(), PROCESSES)
    yield base / "accounts.yaml", as_yaml(workloads.accounts(), PROCESSES)
    yield base / "migrations.yaml", as_yaml(workloads.migrations(), PROCESSES)
    yield base / "ingresses.yaml", as_yaml(around.ingresses(), "deploy/routes.yaml")
    yield components / "keda" / "workers.yaml", as_yaml(around.scaled(), PROCESSES)
    yield components / "monitoring" / "rules.yaml", as_yaml(around.prometheus_rules(), "deploy/observability/rules")
    yield components / "operators" / "postgres.yaml", as_yaml(databases.server(), PROCESSES)
    yield components / "network-policies" / "workloads.yaml", as_yaml(around.policies(), PROCESSES)
    yield DEPLOY / "observability" / "dashboards" / "hub.json", dashboard.hub()
    services = tuple(dict.fromkeys(process.service for process in STAND_INS))
    simulator = [*workloads.accounts(services), *workloads.deployments(STAND_INS), *around.policies(STAND_INS)]
    yield DEPLOY / "k8s" / "simulator" / "processes.yaml", as_yaml(simulator, PROCESSES)
    yield DEPLOY / "evaluation.env", f"# Made from {PROCESSES} by `make manifests`.\n{evaluation.settings()}"
    yield DEPLOY / "compose.yaml", as_yaml([evaluation.compose()], f"{PROCESSES} and deploy/routes.yaml")


def main() -> int:
    """Write, or compare."""
    stale = [(path, text) for path, text in files() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path, _ in stale:
            sys.stdout.write(f"{path.relative_to(ROOT)} differs; run `make manifests`.\n")
        return 1 if stale else 0
    for path, text in stale:
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
