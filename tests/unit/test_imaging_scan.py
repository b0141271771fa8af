"""The quick reader of headers finds what the full reader finds, in every file of pydicom, or leaves it to that."""

import hashlib
import warnings
from pathlib import Path

import pydicom.data
import pytest

from services.imaging.dicom import header, scan
from services.imaging.dicom.whole import NotTaken
from services.imaging.domain.instance import Instance

warnings.simplefilter("ignore")
FILES = sorted(Path(pydicom.data.__file__).parent.joinpath("test_files").glob("*.dcm"))


def described(path: Path) -> Instance | str:
    content = path.read_bytes()
    try:
        return header.parse(path, hashlib.sha256(content).hexdigest(), len(content))
    except NotTaken as error:
        return str(error.reason)


def refuse(*_: object, **__: object) -> None:
    raise scan.Unusual


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_both_readers_agree(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = described(path)
    monkeypatch.setattr(header, "scan", refuse)
    assert quick == described(path)


def test_the_quick_reader_takes_most_files(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []

    def counted(*given: object, **more: object) -> scan.Scanned:
        found = scan.scan(*given, **more)  # type: ignore[arg-type]
        taken.append(found)
        return found

    monkeypatch.setattr(header, "scan", counted)
    for path in FILES:
        described(path)
    assert len(taken) > len(FILES) // 2
