"""The risks that stand in a signed report, as its signer saw them: final, and no longer changed by newer values.

The living RiskAssessment of a patient gets new versions with each input; what was signed is a resource of its own.
Source: http://hl7.org/fhir/R4/riskassessment.html (status, parent)
"""

from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from shared.fhir.codes import BASE
from shared.fhir.message import Message

SAID_AT: Final = f"{BASE}/StructureDefinition/said-at"
"""Extension of a Provenance's entity: which word of a resource that changes was seen."""

_WITHDRAWN: Final = "entered-in-error"

Resource = dict[str, Any]


class Seen(NamedTuple):
    """A RiskAssessment in a signed report: its id, when the signer's word of it was said, the report."""

    number: str
    at: datetime
    report: Resource

    @property
    def copy(self) -> str:
        """The id of what was signed: the same whenever the same word is signed in the same report."""
        return str(uuid5(NAMESPACE_OID, f"{self.report['id']}|{self.number}|{self.at.isoformat()}"))


def seen_risks(message: Message) -> list[Seen]:
    """The RiskAssessments that the signer of a message's report was shown; none in any other message."""
    entities = (entity for one in message.resources("Provenance") for entity in one.get("entity") or [])
    found = [entity.get("what") or {} for entity in entities]
    return [
        Seen(str(what["reference"]).removeprefix("urn:uuid:"), datetime.fromisoformat(one["valueInstant"]), report)
        for report in message.resources("DiagnosticReport")[:1]
        for what in found
        if what.get("type") == "RiskAssessment"
        for one in what.get("extension") or []
        if one.get("url") == SAID_AT
    ]


def signed_risk(seen: Seen, risk: Resource) -> Resource:
    """The RiskAssessment that was signed, part of its report; withdrawn with it.

    Args:
        risk: as it is stored.
    """
    status = _WITHDRAWN if seen.report.get("status") == _WITHDRAWN else "final"
    kept = {name: value for name, value in risk.items() if name != "identifier"}
    parent = {"reference": f"DiagnosticReport/{seen.report['id']}", "type": "DiagnosticReport"}
    return kept | {"id": seen.copy, "status": status, "parent": parent}
