"""C-STORE of what the hub made to an archive (DICOM PS3.4 annex B); what it has already is as good as sent."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from services.imaging.dimse.calling import calling
from services.imaging.domain.results import Fate, fate, refusal
from services.imaging.settings import Settings
from shared.errors import InvalidResource, Unavailable
from shared.telemetry import log

ANSWER_S: Final = 20.0
"""Patience with one answer; a try as a whole ends within `TOTAL` and one such answer, below `domain.results.LEASE`."""

TOTAL: Final = timedelta(seconds=60)
"""Patience with one try, after which no further instance is begun."""


def store(chosen: Settings, peer: str, paths: Sequence[Path], *, total: timedelta = TOTAL) -> None:
    """Store the files in order; returns when the archive has every one of them.

    An archive that refuses one instance is still given the others.

    Raises:
        InvalidResource: no such peer, or it refuses an instance for good.
        Unavailable: it is away, breaks off, is slow, or cannot take an instance now.
    """
    made = [dcmread(path) for path in paths]
    deadline = time.monotonic() + total.total_seconds()
    statuses: list[int] = []
    unspoken: list[str] = []
    with calling(chosen, peer, _contexts(made), answer_s=ANSWER_S) as association:
        for instance in made:
            if not _is_spoken(association, instance):
                unspoken.append(UID(instance.SOPClassUID).name)
            elif time.monotonic() > deadline or (status := _give(association, instance)) is None:
                raise Unavailable(f"{peer} did not take all instances in time, or broke off")
            else:
                statuses.append(status)
    _judge(peer, statuses, unspoken)


def _contexts(made: Sequence[Dataset]) -> list[PresentationContext]:
    """Each SOP class in each of its files' transfer syntaxes and, as every archive must take it, in the default one.

    One syntax a context: the archive then says of each whether it takes it (PS3.8 9.3.2.2).
    """
    wanted = dict.fromkeys(
        (str(instance.SOPClassUID), str(syntax)) for instance in made for syntax in _syntaxes(instance)
    )
    return [build_context(sop_class, syntax) for sop_class, syntax in wanted]


def _syntaxes(instance: Dataset) -> Iterator[UID]:
    own = UID(instance.file_meta.TransferSyntaxUID)
    yield own
    if not own.is_compressed:
        yield ImplicitVRLittleEndian  # what is compressed goes as it is, or not at all


def _is_spoken(association: Association, instance: Dataset) -> bool:
    """Whether the archive accepted a context in which this instance can travel."""
    syntaxes = set(_syntaxes(instance))
    return any(
        context.abstract_syntax == instance.SOPClassUID and syntaxes & set(context.transfer_syntax)
        for context in association.accepted_contexts
    )


def _give(association: Association, instance: Dataset) -> int | None:
    """The status of one C-STORE; None when no answer came."""
    if not association.is_established:
        return None
    status: int | None = association.send_c_store(instance).get("Status")
    if status and fate(status) is Fate.THERE:
        log.warning("result_stored_with_warning", instance=str(instance.SOPInstanceUID), status=f"{status:04X}")
    return status


def _judge(peer: str, statuses: Sequence[int], unspoken: Sequence[str]) -> None:
    """As for STOW-RS: what is final goes before what may be better later."""
    final = [status for status in statuses if fate(status) is Fate.NEVER]
    said = [f"it answered {refusal(final)}"] if final else []
    if unspoken:
        said.append(f"it does not take {', '.join(sorted(set(unspoken)))}")
    if said:
        raise InvalidResource(
            f"{peer} refused an instance: {'; '.join(said)}",
            fix="See its conformance statement for the reason; correct the cause there, then replay.",
        )
    if any(fate(status) is Fate.LATER for status in statuses):
        raise Unavailable(f"{peer} could not store an instance now")
