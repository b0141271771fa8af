"""Instances a second by C-STORE and STOW-RS, beside an Orthanc that gets the same files from the same sender.

Both sides have TCP_NODELAY: without it DCMTK waits for acknowledgements, and nothing else is measured.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import stowing
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

from shared.embedded import Hub, packages
from shared.embedded.machine import LOOPBACK, CannotStart, free_port

TOOLS: Final = packages.Wanted(
    "dicom-peers", ("dcmtk", "orthanc"), "DCMTK and Orthanc (12 MB)", "Install the packages dcmtk and orthanc."
)
ARCHIVE: Final = packages.Wanted(
    "dicom-archive",
    ("orthanc", "orthanc-dicomweb"),
    "Orthanc with DICOMweb (12 MB)",
    "Install the packages orthanc and orthanc-dicomweb.",
)
DICOMWEB: Final = "usr/share/orthanc/plugins/libOrthancDicomWeb.so"
KINDS: Final = {
    "CT 512², 16 bit": (CTImageStorage, "CT", 512),
    "CR 2048², 16 bit": (ComputedRadiographyImageStorage, "CR", 2048),
}
MOST_ASSOCIATIONS: Final = 4
FILES: Final = (1, 10)
"""Files in a STOW-RS request: what costs most, and nearer to the study or series that most senders put into one."""

READY_WITHIN_S: Final = 30.0


class Received(NamedTuple):
    """Instances a second, the same files into both."""

    door: str
    kind: str
    connections: int
    hub: float
    orthanc: float


def measure(hub: Hub, token: str, folder: Path, counts: Sequence[int]) -> list[Received]:
    """One and four connections, CT and CR, by either door; nothing where the peers cannot be had.

    Args:
        counts: instances on each connection, of CT and of CR; by STOW-RS half as many.
    """
    try:
        tools, root = packages.root_of("usr/bin/storescu", TOOLS), packages.root_of(DICOMWEB, ARCHIVE)
    except CannotStart:
        return []
    port = int(hub.environment["HUB_IMAGING_DIMSE_PORT"])
    stow = hub.url("imaging-api") + "/dicomweb/studies"
    found = []
    with orthanc(tools, root, folder / "orthanc") as (dicom, web):
        for (kind, described), count in zip(KINDS.items(), counts, strict=True):
            for many in (1, MOST_ASSOCIATIONS):
                sent = [study(folder / f"{kind[:2]}-{many}-{n}", described, count) for n in range(many)]
                took = send(tools, "CONSILIUM", port, sent), send(tools, "ORTHANC", dicom, sent)
                found.append(Received("C-STORE", kind, many, *(count * many / seconds for seconds in took)))
                half = max(1, count // 2)
                for files in FILES:
                    sent = [study(folder / f"{kind[:2]}-{many}-{n}-{files}", described, half) for n in range(many)]
                    took = (
                        stowing.send(stow, sent, {"Authorization": f"Bearer {token}"}, files),
                        stowing.send(web, sent, {}, files),
                    )
                    door = f"STOW-RS, {files} a request"
                    found.append(Received(door, kind, many, *(half * many / seconds for seconds in took)))
    return found


def send(tools: Path, title: str, port: int, folders: Sequence[Path]) -> float:
    """Seconds until every folder is sent, each on an association of its own."""
    command = [str(tools / "usr/bin/storescu"), "-aet", "ST-LUKE", "-aec", title, "+sd", LOOPBACK, str(port)]
    began = time.monotonic()
    senders = [subprocess.Popen([*command, str(folder)], env=environment(tools)) for folder in folders]
    if any(sender.wait() != 0 for sender in senders):
        raise RuntimeError(f"{title} did not take all that was sent")
    return time.monotonic() - began


def study(folder: Path, described: tuple[str, str, int], count: int) -> Path:
    """A study of one series: noise, so that no disk can make it smaller."""
    sop_class, modality, edge = described
    folder.mkdir()
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = sop_class
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientName, made.PatientID, made.Modality, made.StudyDate = "SYNTHETIC^Load", "SYN-LOAD", modality, "20260601"
    made.SamplesPerPixel, made.PhotometricInterpretation, made.Rows, made.Columns = 1, "MONOCHROME2", edge, edge
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = np.random.default_rng(5).integers(0, 4096, (edge, edge)).astype("<u2").tobytes()
    for number in range(count):
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made.InstanceNumber = number + 1
        buffer = BytesIO()
        made.save_as(buffer, enforce_file_format=True)
        (folder / f"{number}.dcm").write_bytes(buffer.getvalue())
    return folder


@contextmanager
def orthanc(tools: Path, root: Path, folder: Path) -> Iterator[tuple[int, str]]:
    """A running Orthanc; its DICOM port, and where it takes STOW-RS."""
    folder.mkdir()
    port, http = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpBindAddresses": [LOOPBACK],
        "HttpPort": http,
        "DicomAet": "ORTHANC",
        "DicomBindAddresses": [LOOPBACK],
        "DicomPort": port,
        "Plugins": [str(root / DICOMWEB)],
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        command = [str(root / "usr/sbin/Orthanc"), str(folder / "settings.json")]
        child = subprocess.Popen(command, env=environment(root), stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(tools, port)
            yield port, f"http://{LOOPBACK}:{http}/dicom-web/studies"
        finally:
            child.terminate()
            child.wait()


def _wait(tools: Path, port: int) -> None:
    command = [str(tools / "usr/bin/echoscu"), "-aet", "ST-LUKE", "-aec", "ORTHANC", LOOPBACK, str(port)]
    deadline = time.monotonic() + READY_WITHIN_S
    while subprocess.run(command, env=environment(tools), capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise RuntimeError("Orthanc did not start")
        time.sleep(0.1)


def environment(root: Path) -> dict[str, str]:
    """Where libraries and DCMTK's dictionary are."""
    told = {"PATH": os.defpath, "LD_LIBRARY_PATH": packages.libraries(root), "TCP_NODELAY": "1"}
    dictionary = next(iter(root.glob("usr/share/libdcmtk*/dicom.dic")), None)
    return told | ({"DCMDICTPATH": str(dictionary)} if dictionary else {})
