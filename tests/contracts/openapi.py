"""The OpenAPI documents of the services, from their code; run as a program it writes `contracts/openapi`."""

import importlib
import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "contracts" / "openapi"
SERVICES = ("gateway", "imaging", "results_sharing")
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


def main() -> None:
    """Write all of them."""
    os.environ |= ENVIRONMENT
    FOLDER.mkdir(exist_ok=True)
    for service in SERVICES:
        text = json.dumps(document(service), indent=1, ensure_ascii=False, sort_keys=True)
        (FOLDER / f"{service}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
