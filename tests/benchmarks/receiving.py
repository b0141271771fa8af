"""C-STORE instances a second into the hub's listener, beside an Orthanc that gets the same files from the same sender.

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
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

from shared.embedded import Hub, packages
from shared.embedded.machine import LOOPBACK, CannotStart, free_port

PEERS: Final = packages.Wanted(
    "dicom-peers", ("dcmtk", "orthanc"), "DCMTK and Orthanc (12 MB)", "Install the packages dcmtk and orthanc."
)
KINDS: Final = {
    "CT 512², 16 bit": (CTImageStorage, "CT", 512),
    "CR 2048², 16 bit": (ComputedRadiographyImageStorage, "CR", 2048),
}
MOST_ASSOCIATIONS: Final = 4
READY_WITHIN_S: Final = 30.0


class Received(NamedTuple):
    """Instances a second, the same files into both."""

    kind: str
    associations: int
    hub: float
    orthanc: float


def measure(hub: Hub, folder: Path, counts: Sequence[int]) -> list[Received]:
    """One and four associations, CT and CR; nothing where the peers cannot be had.

    Args:
        counts: instances on each association, of CT and of CR.
    """
    try:
        tools, root = packages.root_of("usr/bin/storescu", PEERS), packages.root_of("usr/sbin/Orthanc", PEERS)
    except CannotStart:
        return []
    found = []
    with orthanc(root, folder / "orthanc") as archive:
        for (kind, described), count in zip(KINDS.items(), counts, strict=True):
            for associations in (1, MOST_ASSOCIATIONS):
                sent = [study(folder / f"{kind[:2]}-{associations}-{n}", described, count) for n in range(associations)]
                rates = [
                    count * associations / send(tools, title, port, sent)
                    for title, port in (
                        ("CONSILIUM", int(hub.environment["HUB_IMAGING_DIMSE_PORT"])),
                        ("ORTHANC", archive),
                    )
                ]
                found.append(Received(kind, associations, *rates))
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
def orthanc(root: Path, folder: Path) -> Iterator[int]:
    """A running Orthanc; its DICOM port."""
    folder.mkdir()
    port, http = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpBindAddresses": [LOOPBACK],
        "HttpPort": http,
        "DicomAet": "ORTHANC",
        "DicomBindAddresses": [LOOPBACK],
        "DicomPort": port,
        "Plugins": [],
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        command = [str(root / "usr/sbin/Orthanc"), str(folder / "settings.json")]
        child = subprocess.Popen(command, env=environment(root), stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(root, port)
            yield port
        finally:
            child.terminate()
            child.wait()


def _wait(root: Path, port: int) -> None:
    tools = packages.root_of("usr/bin/echoscu", PEERS)
    command = [str(tools / "usr/bin/echoscu"), "-aet", "ST-LUKE", "-aec", "ORTHANC", LOOPBACK, str(port)]
    deadline = time.monotonic() + READY_WITHIN_S
    while subprocess.run(command, env=environment(root), capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise RuntimeError("Orthanc did not start")
        time.sleep(0.1)


def environment(root: Path) -> dict[str, str]:
    """Where libraries and DCMTK's dictionary are."""
    told = {"PATH": os.defpath, "LD_LIBRARY_PATH": packages.libraries(root), "TCP_NODELAY": "1"}
    dictionary = next(iter(root.glob("usr/share/libdcmtk*/dicom.dic")), None)
    return told | ({"DCMDICTPATH": str(dictionary)} if dictionary else {})
