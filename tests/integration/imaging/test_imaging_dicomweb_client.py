"""A client that is not ours (dicomweb-client of PyPI) against the running api: store, search, retrieve, render."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from shared.embedded.machine import free_port

JPEG_2000 = "1.2.840.10008.1.2.4.90"


@pytest.fixture
def client(imaging: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DICOMwebClient]:
    """Of the service, which runs as it does in a hospital."""
    hub, port = imaging(), free_port()
    monkeypatch.setenv("HUB_PUBLIC_URL", f"http://127.0.0.1:{port}")
    command = (
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "services.imaging.api:app",
        "--port",
        str(port),
        "--no-access-log",
    )
    with (tmp_path / "api.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ.copy(), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{port}/readyz"):
            assert time.monotonic() < deadline, "the api does not start"
            time.sleep(0.05)
        session = requests.Session()
        session.headers.update(hub.sign())
        yield DICOMwebClient(f"http://127.0.0.1:{port}/dicomweb", session=session)
    finally:
        process.terminate()
        process.wait(15)
    assert "synth" not in (tmp_path / "api.log").read_text().lower()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_a_foreign_client_stores_searches_retrieves_and_shows(client: DICOMwebClient, child: Any, real: Any) -> None:
    one, compressed = child(), dcmread(BytesIO(real("MR_small_jp2klossless.dcm")))
    made = [dcmread(BytesIO(each.part10())) for each in (one, one.another())]
    told = client.store_instances([*made, compressed])
    assert len(told.ReferencedSOPSequence) == 3

    [study] = client.search_for_studies(search_filters={"PatientName": "synth*", "StudyDate": "20260101-20261231"})
    found = Dataset.from_json(study)
    assert (found.StudyInstanceUID, found.PatientName) == (one.study, "SYNTHETIC^Child")
    assert found.NumberOfStudyRelatedInstances == 2
    assert len(client.search_for_studies(limit=1)) == 1
    assert client.search_for_studies(search_filters={"PatientID": "NOBODY"}) == []
    [series] = client.search_for_series(one.study)
    assert series["0020000E"]["Value"] == [one.series]
    assert len(client.search_for_instances(one.study, one.series, fields=["Rows"], offset=1)) == 1

    place = (one.study, one.series, one.uid)
    assert len(client.retrieve_study(one.study)) == 2
    assert client.retrieve_instance(*place).pixel_array.shape == (120, 160)
    metadata = client.retrieve_instance_metadata(*place)
    assert metadata["00080018"]["Value"] == [one.uid]
    [bulk] = client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])
    assert bulk == one.dataset().PixelData
    _gets_frames_and_pictures(client, compressed)


def _gets_frames_and_pictures(client: DICOMwebClient, made: Dataset) -> None:
    place = (made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID)
    [plain] = client.retrieve_instance_frames(*place, frame_numbers=[1])
    assert np.array_equal(np.frombuffer(plain, "<i2").reshape(64, 64), made.pixel_array)
    [own] = client.retrieve_instance_frames(*place, frame_numbers=[1], media_types=(("image/jp2", JPEG_2000),))
    assert own.startswith(b"\xff\x4f\xff\x51")
    [unpacked] = client.retrieve_series(*place[:2], media_types=(("application/dicom", "1.2.840.10008.1.2.1"),))
    assert unpacked.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(unpacked.pixel_array, made.pixel_array)
    png = client.retrieve_instance_rendered(*place, media_types=("image/png",), params={"viewport": "32,32"})
    assert Image.open(BytesIO(png)).size == (32, 32)
    assert Image.open(BytesIO(client.retrieve_instance_frames_rendered(*place, [1], media_types=("image/jpeg",))))
