"""The database dies while a sender is in the middle of a study: what was answered stays, the rest comes again."""

import threading
from typing import Any

from pydicom.uid import generate_uid
from slices import data_set, picture
from talking import connected, store

from services.imaging.listener.command_set import SUCCESS
from services.imaging.listener.receiving import OUT_OF_RESOURCES
from shared.embedded import Stack

LATER = OUT_OF_RESOURCES[0]
MOST = 2000


def test_while_the_database_is_away_senders_are_told_so_and_nothing_that_was_answered_is_lost(
    hub: Any, hub_stack: Stack, eventually: Any
) -> None:
    running, study, told = hub(), generate_uid(), dict[str, int]()
    sent = [picture(StudyInstanceUID=study, InstanceNumber=number) for number in range(20)]
    killer = threading.Thread(target=hub_stack.kill_database)
    try:
        with connected(running.port) as association:
            while LATER not in told.values():
                one = picture(StudyInstanceUID=study)
                told[one.SOPInstanceUID] = store(association, data_set(one), one.SOPInstanceUID)
                assert len(told) < MOST, "the database did not go away"
                if len(told) == len(sent):
                    killer.start()
            for one in sent:
                assert store(association, data_set(one), one.SOPInstanceUID) == LATER
    finally:
        killer.join()
        hub_stack.start_database()
    assert set(told.values()) == {SUCCESS, LATER}
    with connected(running.port) as association:
        assert {store(association, data_set(one), one.SOPInstanceUID) for one in sent} == {SUCCESS}
    acknowledged = {uid for uid, status in told.items() if status == SUCCESS}
    assert acknowledged | {one.SOPInstanceUID for one in sent} <= running.instances().keys()
    assert all(running.file(uid).is_file() for uid in running.instances())
    assert running.rows("SELECT present FROM study") == running.rows("SELECT count(*) FROM instance")
    assert running.quarantined() == {}
    eventually(lambda: not list((running.chosen.store_dir / "spool").iterdir()))
