"""The contracts that the code writes: OpenAPI of each service, and the gateway's CapabilityStatement."""

import importlib
import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "contracts"
CAPABILITY = "fhir/CapabilityStatement-gateway.json"
SERVICES = ("gateway", "imaging", "results_sharing", "scheduling")
NOT_PROMISED = ("/healthz", "/readyz", "/metrics")

# Enough for an application to be made; nothing is reached and no key is read.
ENVIRONMENT = {
    "HUB_PUBLIC_URL": "https://hub.example",
    "HUB_BROKER_URL": "amqps://broker.example",
    "HUB_SESSION_PUBLIC_KEY_FILE": "/nowhere/session.pub",
    "HUB_GATEWAY_SESSION_PRIVATE_KEY_FILE": "/nowhere/session.key",
    "HUB_IMAGING_STORE_DIR": "/nowhere/pixels",
    "HUB_IMAGING_ISSUERS": "{}",
    "HUB_RESULTS_SHARING_EHR_URL": "https://ehr.example/fhir",
    "HUB_RESULTS_SHARING_AUDIT_KEY_FILE": "/nowhere/audit.key",
}


def document(service: str) -> dict[str, Any]:
    """What a service's door promises to programs; pages for people are not part of it."""
    made: dict[str, Any] = importlib.import_module(f"services.{service}.api").app().openapi()
    made["paths"] = {path: item for path, item in made["paths"].items() if path not in NOT_PROMISED}
    return made


def written() -> dict[str, Any]:
    """Each contract by its path under `contracts`."""
    capability = importlib.import_module("services.gateway.fhir.capability").statement("https://hub.example/fhir")
    return {f"openapi/{service}.json": document(service) for service in SERVICES} | {CAPABILITY: capability}


def main() -> None:
    """Write all of them."""
    os.environ |= ENVIRONMENT
    for path, made in written().items():
        (FOLDER / path).parent.mkdir(exist_ok=True)
        (FOLDER / path).write_text(f"{json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True)}\n")


if __name__ == "__main__":
    main()
