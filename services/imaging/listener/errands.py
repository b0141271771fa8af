"""What the listener owes others, one row after the other: answers to storage commitments, and priors to fetch.

The rows are durable: whoever restarts goes on with them. Each is tried again, ever later, for about a day.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from services.imaging import dimse, files, store
from services.imaging.domain.instance import Reference
from services.imaging.listener.seen import COMMITMENTS
from services.imaging.settings import Settings
from services.imaging.store import Commitment, Retrieval
from shared.errors import HubError, Unavailable
from shared.telemetry import log

LOOK_EVERY_S: Final = 1.0
FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(hours=1)
MOST_ATTEMPTS: Final = 32
"""With these delays about a day."""

NO_SUCH_INSTANCE, CLASS_CONFLICT = 0x0112, 0x0119
"""Failure Reason (0008,1197), PS3.3 C.14.1.1."""


class Errands(threading.Thread):
    """Runs until `stop`.

    Args:
        report: tells a peer what is committed.
        find: asks a peer for studies.
        move: has a peer send a study.
    """

    def __init__(
        self,
        chosen: Settings,
        *,
        report: Callable[..., None] = dimse.report,
        find: Callable[..., list[dimse.Found]] = dimse.find_studies,
        move: Callable[..., dimse.Moved] = dimse.move,
    ) -> None:
        super().__init__(name="errands", daemon=True)
        self._chosen = chosen
        self._report, self._find, self._move = report, find, move
        self._over = False
        self._bell = threading.Event()

    def ring(self) -> None:
        """There is something to do."""
        self._bell.set()

    def stop(self) -> None:
        """End after the errand at hand."""
        self._over = True
        self._bell.set()

    def run(self) -> None:
        """Do what is due, and wait for more."""
        while not self._over:
            try:
                while not self._over and (self._answer_one() or self._fetch_one()):
                    pass
            except Unavailable as error:
                log.warning("errands_wait", reason=error.message)
            self._bell.wait(LOOK_EVERY_S)
            self._bell.clear()

    def _answer_one(self) -> bool:
        with store.transaction() as session:
            owed = store.lease_commitment(session)
        if owed is None:
            return False
        committed, failed = _judge(owed, self._chosen)
        try:
            self._report(self._chosen, owed.peer, owed.transaction, committed, failed)
        except HubError as error:
            self._put_off_commitment(owed, error)
            return True
        with store.transaction() as session:
            store.end_commitment(session, owed.id)
        COMMITMENTS.labels("failed" if failed else "committed").inc()
        log.info("commitment_answered", peer=owed.peer, committed=len(committed), failed=len(failed))
        return True

    def _put_off_commitment(self, owed: Commitment, error: HubError) -> None:
        with store.transaction() as session:
            if owed.attempts >= MOST_ATTEMPTS:
                store.end_commitment(session, owed.id, error.message)
                COMMITMENTS.labels("given-up").inc()
            else:
                store.put_off_commitment(session, owed.id, _delay(owed.attempts), error.message)
        log.warning("commitment_not_answered", peer=owed.peer, attempts=owed.attempts, reason=error.message)

    def _fetch_one(self) -> bool:
        with store.transaction() as session:
            owed = store.lease_retrieval(session)
        if owed is None:
            return False
        try:
            fetched = self._fetch(owed)
        except HubError as error:
            with store.transaction() as session:
                if owed.attempts >= MOST_ATTEMPTS:
                    store.end_retrieval(session, owed.id, error.message)
                else:
                    store.put_off_retrieval(session, owed.id, _delay(owed.attempts), error.message)
            log.warning("priors_not_fetched", study=owed.study, attempts=owed.attempts, reason=error.message)
            return True
        with store.transaction() as session:
            store.end_retrieval(session, owed.id)
        log.info("priors_fetched", study=owed.study, priors=fetched)
        return True

    def _fetch(self, owed: Retrieval) -> int:
        """Have the newest priors sent that are not here as studies of their own."""
        peer = self._chosen.priors_from or ""
        found = self._find(self._chosen, peer, patient_id=owed.patient_id)
        wanted = [study.uid for study in found if study.uid != owed.study][: self._chosen.priors]
        for uid in wanted:
            with store.transaction() as session:
                is_wanted = store.expect_prior(session, uid)
            if is_wanted:
                self._move(self._chosen, peer, uid)
        return len(wanted)


def _judge(owed: Commitment, chosen: Settings) -> tuple[list[Reference], list[tuple[Reference, int]]]:
    """What we answer for: recorded under that class, and on disk."""
    with store.transaction() as session:
        known = store.find_files(session, [reference.uid for reference in owed.instances])
    committed: list[Reference] = []
    failed: list[tuple[Reference, int]] = []
    for reference in owed.instances:
        sop_class, digest = known.get(reference.uid, ("", ""))
        if not digest or not files.path_of(chosen.store_dir, digest).is_file():
            failed.append((reference, NO_SUCH_INSTANCE))
        elif sop_class != reference.sop_class:
            failed.append((reference, CLASS_CONFLICT))
        else:
            committed.append(reference)
    return committed, failed


def _delay(attempts: int) -> timedelta:
    return min(FIRST_DELAY * (1 << min(attempts - 1, 12)), LONGEST_DELAY)
