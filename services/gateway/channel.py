"""The hospital's own channel to a patient (SMS, letter box, app): one POST to its notification address.

Source: http://hl7.org/fhir/R4/http.html#create
"""

from typing import Any, Final

import httpx
import orjson
from prometheus_client import Counter
from pydantic import HttpUrl, SecretStr

from shared.telemetry import log

FHIR_JSON: Final = "application/fhir+json"
WITHIN_S: Final = 10.0
SENT: Final = Counter("hub_sign_in_codes_sent", "Codes handed to the hospital's channel", ["outcome"])


def send(message: dict[str, Any], address: HttpUrl, token: SecretStr | None) -> None:
    """Hand a message over; it is tried once, since its code is good for minutes and a patient can ask again.

    Nothing of the message, the patient or the hospital's answer is logged.
    """
    headers = {"Content-Type": FHIR_JSON}
    if token:
        headers["Authorization"] = f"Bearer {token.get_secret_value()}"
    try:
        answer = httpx.post(str(address), content=orjson.dumps(message), headers=headers, timeout=WITHIN_S)
        problem = "" if answer.is_success else f"answered {answer.status_code}"
    except httpx.HTTPError as error:
        problem = type(error).__name__
    SENT.labels("failed" if problem else "sent").inc()
    if problem:
        log.warning("code_not_sent", reason=problem, fix="Look at HUB_GATEWAY_CODE_URL and the hospital's channel.")
