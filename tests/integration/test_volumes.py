"""A hospital adds a model of volumes by command and sends a CT in any order: the running hub measures and shows it."""

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import numpy as np
import pytest
from phantom import Phantom, content, marked, turned
from pydicom import dcmread
from pydicom.dataset import Dataset
from volumetric import volume_package

from services.simulator import fhir
from services.simulator.domain import MRN_SYSTEM, Examination
from services.simulator.hospital import Hospital
from shared.embedded import Hub

PATIENCE_S = 90
Command = Callable[..., "CompletedProcess[str]"]


def told(done: "CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def awaited(find: Callable[[], Any], what: str) -> Any:
    """What is found, in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := find()):
        assert time.monotonic() < deadline, f"no {what} came"
        time.sleep(0.2)
    return found


def announced(examination: Examination, phantom: Phantom) -> dict[str, Any]:
    """What the hospital says of a CT of so many slices."""
    bundle = fhir.announcement(examination)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "ImagingStudy":
            entry["resource"]["numberOfInstances"] = phantom.shape[2]
    return bundle


def segmentation(hospital: Hospital, study: str) -> Dataset | None:
    """The SEG as any viewer gets it."""
    answer = hospital.read(f"/dicomweb/studies/{study}/series?Modality=SEG")
    if answer.status_code != httpx.codes.OK or not answer.json():
        return None
    series = answer.json()[0]["0020000E"]["Value"][0]
    whole = hospital.read(f"/dicomweb/studies/{study}/series/{series}").content
    return dcmread(BytesIO(whole.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]))


@pytest.fixture
def spleen(command: Command, tmp_path: Path) -> Any:
    """The documented package, admitted and live; stopped when the test is over."""
    told(command("models", "add", str(volume_package(tmp_path / "spleen")), "--who", "physicist"))
    told(command("models", "promote", "spleen-ct", "1.0.0", "--to", "live", "--who", "physicist"))
    yield "spleen-ct"
    told(command("models", "disable", "spleen-ct", "--why", "the test is over"))


@pytest.mark.usefixtures("spleen")
def test_a_ct_sent_in_any_order_is_measured_and_the_mask_lies_where_the_ball_is(
    hub: Hub, hospital: Hospital, new_study: Callable[..., Examination], command: Command
) -> None:
    examination = new_study("normal", "urgent", "files")
    phantom = Phantom(study=examination.study_uid, patient=examination.mrn, axes=turned(20, -15, 10))
    for slice_ in phantom.slices():
        hospital.send_files(examination, file=content(slice_))
    assert hospital.write("POST", "/fhir/$process-message", announced(examination, phantom)).status_code < 300
    made = awaited(lambda: segmentation(hospital, phantom.study), "SEG")
    assert np.linalg.norm(marked(made).mean(axis=0) - phantom.centre) < min(phantom.spacing)
    viewer = told(command("clients", "add", "volumes", "--scope", "system/*.rs hub/preliminary.r")).split()[-1]
    with Hospital(hub.public_url, viewer) as asking:
        [patient] = asking.search("Patient", identifier=f"{MRN_SYSTEM}|{examination.mrn}")
        subject = f"Patient/{patient['id']}"
        [observation] = awaited(lambda: asking.search("Observation", subject=subject), "Observation")
    assert observation["valueQuantity"]["code"] == "mL"
    assert observation["valueQuantity"]["value"] == pytest.approx(phantom.millilitres, rel=0.03)
    assert "study_answered" in hub.log("imaging-worker-volumes").read_text()
