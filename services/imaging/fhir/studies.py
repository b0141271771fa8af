"""Between FHIR and imaging's own words: what the hospital announces, and what imaging says of studies.

Sources: http://hl7.org/fhir/R4/imagingstudy.html, http://hl7.org/fhir/R4/servicerequest.html
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from services.imaging.domain.instance import Instance, SeriesCount
from services.imaging.domain.study import Announcement, Hold, Issuers, Person, Study
from shared.errors import InvalidResource
from shared.events import Event, Lane
from shared.fhir import codes, subjects
from shared.fhir.message import Message

HOLD_SYSTEM: Final = f"{codes.BASE}/CodeSystem/hold-reason"
BODY_PARTS: Final = {
    "51185008": "CHEST",
    "43799004": "CHEST",
    "12738006": "BRAIN",
    "69536005": "HEAD",
    "89546000": "SKULL",
    "81745001": "EYE",
    "5665001": "RETINA",
    "45048000": "NECK",
    "76752008": "BREAST",
    "80891009": "HEART",
    "818981001": "ABDOMEN",
    "113345001": "ABDOMEN",
    "10200004": "LIVER",
    "64033007": "KIDNEY",
    "69748006": "THYROID",
    "12921003": "PELVIS",
    "421060004": "SPINE",
    "85562004": "HAND",
    "56459004": "FOOT",
    "72696002": "KNEE",
    "29836001": "HIP",
    "16982005": "SHOULDER",
}
"""SNOMED CT code of a body structure to Body Part Examined; source: DICOM PS3.16 annex L."""

_HELD: Final = {
    Hold.WRONG_PATIENT: "The pictures and the announcement name different patients",
    Hold.INCOMPLETE: "Fewer pictures came than were announced",
    Hold.UNANNOUNCED: "Pictures came, and nobody announced them",
    Hold.NO_IMAGES: "A study was announced, and no picture came",
}


def study_uid(message: Message) -> str:
    """The study that a message is about.

    Raises:
        InvalidResource: it names none.
    """
    uid = codes.study_uid(message.resource("ImagingStudy"))
    if uid is None:
        raise InvalidResource(
            "The ImagingStudy has no Study Instance UID",
            expression="ImagingStudy.identifier",
            fix=f"Add an identifier of system {codes.STUDY_SYSTEM}.",
        )
    return uid


def announcement(message: Message) -> Announcement:
    """What the hospital says about a study.

    Raises:
        InvalidResource: no UID, or a patient without an identifier.
    """
    study, patient = message.resource("ImagingStudy"), message.resource("Patient")
    persons = frozenset(
        Person(identifier.get("system"), str(identifier.get("value", "")))
        for identifier in patient.get("identifier") or []
    )
    if not persons:
        raise InvalidResource("The Patient has no identifier", expression="Patient.identifier", fix="Add the MRN.")
    keys = [
        *_keys(study.get("basedOn") or []),
        *(k for o in message.resources("ServiceRequest") for k in order_keys(o)),
    ]
    if any(map(subjects.is_labelled, message.resources("ServiceRequest"))):
        study = {**study, "meta": {**(study.get("meta") or {}), "security": [subjects.TEST_LABEL]}}
    return Announcement(
        uid=study_uid(message),
        lane=message.lane,
        version=_version(study),
        expected=study.get("numberOfInstances"),
        persons=persons,
        orders=tuple(dict.fromkeys(keys)),
        study=study,
        patient=patient,
    )


def order_keys(order: dict[str, Any]) -> list[str]:
    """By what an order is known: its hub id, and each of its identifiers."""
    return [f"urn:uuid:{order.get('id')}", *(_key(identifier) for identifier in order.get("identifier") or [])]


def birth_date(patient: dict[str, Any]) -> date | None:
    """A full birth date; a year or a month alone is none."""
    try:
        return date.fromisoformat(str(patient.get("birthDate", "")))
    except ValueError:
        return None


def body_parts(study: dict[str, Any]) -> list[str]:
    """The body parts of an announced study in DICOM's words."""
    sites = [series.get("bodySite") or {} for series in study.get("series") or []]
    known = [BODY_PARTS.get(str(site.get("code"))) for site in sites if site.get("system") == codes.SNOMED]
    return [part for part in known if part]


def is_test_subject(study: Study) -> bool:
    """Whether a study shows a phantom or a test patient, as its files or its announcement say."""
    given = study.announcement
    return study.test_subject or (
        given is not None and (subjects.is_test_patient(given.patient) or subjects.is_labelled(given.study))
    )


def imaging_study(study: Study, issuers: Issuers, instances: Sequence[Instance] = ()) -> dict[str, Any]:
    """The ImagingStudy as imaging knows it: what was announced, with what is really there.

    Args:
        instances: those to be named one by one.
    """
    given = study.announcement
    made: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "id": str(given.study.get("id")) if given and given.study.get("id") else codes.correlation_of(study.uid),
        "identifier": [codes.study_identifier(study.uid)],
        "status": "available",
        "subject": {"display": "not announced"},
    }
    if given:
        kept = ("identifier", "subject", "basedOn", "started", "modality", "description")
        made |= {name: given.study[name] for name in kept if name in given.study}
    elif study.pictured:
        person = issuers.person(*min(study.pictured))
        if person.system:
            made["subject"] = {"identifier": {"system": person.system, "value": person.value}}
    if is_test_subject(study):
        made["meta"] = {"security": [subjects.TEST_LABEL]}
    made["numberOfInstances"] = study.present
    if instances:
        made["series"] = _series(instances)
        made["numberOfSeries"] = len(made["series"])
    return made


def instances_stored(study: Study, issuers: Issuers, series: Sequence[SeriesCount]) -> Message:
    """Pixels were taken in."""
    summary = imaging_study(study, issuers)
    summary["series"] = [
        {
            "uid": each.uid,
            "modality": {"system": codes.DICOM, "code": each.modality or "OT"},
            "numberOfInstances": each.instances,
        }
        for each in series
    ]
    summary["numberOfSeries"] = len(series)
    return _about(study, Event.INSTANCES_STORED, summary)


def study_completed(study: Study, issuers: Issuers) -> Message:
    """Everything is there, and it is the right patient's."""
    return _about(study, Event.STUDY_COMPLETED, imaging_study(study, issuers))


def study_held(study: Study, issuers: Issuers, reason: Hold) -> Message:
    """A human has to look."""
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "business-rule",
                "details": {"coding": [{"system": HOLD_SYSTEM, "code": str(reason)}], "text": _HELD[reason]},
            }
        ],
    }
    return _about(study, Event.STUDY_HELD, imaging_study(study, issuers), outcome)


def quiet_period_ended(study: Study, issuers: Issuers, number: str) -> Message:
    """Time to look whether a study is complete.

    Args:
        number: id of the message, the same whenever the same look is asked for.
    """
    return Message.build(
        Event.QUIET_PERIOD_ENDED,
        study.lane,
        codes.correlation_of(study.uid),
        [imaging_study(study, issuers)],
        id=number,
    )


def shadow_due(study: Study, issuers: Issuers, answered: Message) -> Message:
    """Shadow models may read it now that readers have their answer; never before anything urgent."""
    number = str(uuid5(NAMESPACE_OID, f"{answered.id}|shadow"))
    correlation = codes.correlation_of(study.uid)
    return Message.build(Event.SHADOW_DUE, Lane.ROUTINE, correlation, [imaging_study(study, issuers)], id=number)


def volume_due(study: Study, issuers: Issuers, completed: Message) -> Message:
    """A model of volumes is to read it, apart from those that read pictures."""
    number = str(uuid5(NAMESPACE_OID, f"{completed.id}|volume"))
    return _results(study, Event.VOLUME_DUE, imaging_study(study, issuers), number)


def results_due(study: Study, issuers: Issuers, answered: Message) -> Message:
    """The answer is said; its DICOM objects are to be made."""
    number = str(uuid5(NAMESPACE_OID, f"{answered.id}|results"))
    return _results(study, Event.RESULTS_DUE, imaging_study(study, issuers), number)


def results_made(study: Study, issuers: Issuers, made: Sequence[Instance], due: Message) -> Message:
    """The DICOM objects of an answer are here, as further series of the study."""
    number = str(uuid5(NAMESPACE_OID, f"{due.id}|made"))
    return _results(study, Event.RESULTS_MADE, imaging_study(study, issuers, made), number)


def results_stored(study: Study, issuers: Issuers, sent: Sequence[Instance], made: Message) -> Message:
    """The hospital's archive has the DICOM objects of an answer."""
    number = str(uuid5(NAMESPACE_OID, f"{made.id}|stored"))
    return _results(study, Event.RESULTS_STORED, imaging_study(study, issuers, sent), number)


def _results(study: Study, event: Event, said: dict[str, Any], number: str) -> Message:
    return Message.build(event, study.lane, codes.correlation_of(study.uid), [said], id=number)


def _about(study: Study, event: Event, *focus: dict[str, Any]) -> Message:
    return Message.build(event, study.lane, codes.correlation_of(study.uid), list(focus))


def _series(instances: Iterable[Instance]) -> list[dict[str, Any]]:
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[instance.series].append(instance)
    return [
        {
            "uid": uid,
            "modality": {"system": codes.DICOM, "code": group[0].modality or "OT"},
            "numberOfInstances": len(group),
            "instance": [
                {
                    "uid": instance.uid,
                    "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{instance.sop_class}"},
                }
                for instance in group
            ],
        }
        for uid, group in groups.items()
    ]


def _keys(references: Iterable[dict[str, Any]]) -> list[str]:
    keys = []
    for reference in references:
        if reference.get("reference"):
            keys.append(str(reference["reference"]))
        if reference.get("identifier"):
            keys.append(_key(reference["identifier"]))
    return keys


def _key(identifier: dict[str, Any]) -> str:
    return f"{identifier.get('system', '')}|{identifier.get('value', '')}"


def _version(study: dict[str, Any]) -> int:
    text = str(study.get("meta", {}).get("versionId", ""))
    return int(text) if text.isdecimal() else 0
