"""C-ECHO and C-STORE by DCMTK: what is on disk and in the database when the sender hears of success."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from slices import picture, write

ADDRESS = ("-aec", "HUB", "127.0.0.1")


def test_an_echo_is_answered(hub: Any, dcmtk: Any) -> None:
    done = dcmtk.run("echoscu", *ADDRESS, str(hub().port))
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_sent_is_stored_as_it_is(hub: Any, dcmtk: Any, tmp_path: Path) -> None:
    running = hub()
    sent = picture()
    done = dcmtk.run("storescu", *ADDRESS, str(running.port), *write(tmp_path / "sent", sent))
    assert (done.returncode, done.stdout) == (0, "")
    stored = dcmread(running.file(sent.SOPInstanceUID))
    assert stored == sent
    assert stored.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
