"""What a signed report says of a model's answer: an extension on the Provenance's source, see reader-decision."""

from typing import Final

from services.imaging.domain.watching import Decision, ReaderWord
from shared.fhir import codes
from shared.fhir.message import Message

READER_DECISION: Final = f"{codes.BASE}/StructureDefinition/reader-decision"


def reader_word(message: Message) -> ReaderWord | None:
    """The signer's word on a model's answer; None when the signer had seen none.

    Raises:
        InvalidResource: the message lacks its report or its Provenance.
    """
    report, provenance = message.resource("DiagnosticReport"), message.resource("Provenance")
    uid = next(
        filter(
            None,
            (
                codes.study_uid({"identifier": [study.get("identifier") or {}]})
                for study in report.get("imagingStudy") or []
            ),
        ),
        None,
    )
    for source in provenance.get("entity") or []:
        named = (source.get("what") or {}).get("identifier") or {}
        start = f"ai-{uid}-"
        if named.get("system") != codes.REPORT_SYSTEM or not str(named.get("value")).startswith(start):
            continue
        model, _, version = str(named["value"]).removeprefix(start).rpartition("-")
        said = [one["valueCode"] for one in source.get("extension") or [] if one.get("url") == READER_DECISION]
        decision = Decision(said[0]) if said and said[0] in set(Decision) else None
        return ReaderWord(str(uid), model, version, decision, report.get("status") == "entered-in-error")
    return None
