"""Archives as hospitals have them beside Orthanc in the clear: DCMTK's dcmqrscp, and one that speaks TLS only."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from slices import content, picture, write

from services.imaging import dimse
from services.imaging.settings import settings
from shared.embedded.machine import free_port
from shared.errors import Unavailable

CONFIGURATION = """
NetworkTCPPort = {own}
MaxPDUSize = 131072
MaxAssociations = 16
HostTable BEGIN
hub = (HUB, 127.0.0.1, {hub})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE {folder} RW (10, 100mb) ANY
AETable END
"""


@contextmanager
def dcmqrscp(dcmtk: Any, folder: Path, own: int, hub: int, eventually: Any) -> Iterator[None]:
    """DCMTK's archive, which knows us as HUB."""
    (folder / "archive").mkdir()
    configuration = folder / "dcmqrscp.cfg"
    configuration.write_text(CONFIGURATION.format(own=own, hub=hub, folder=folder / "archive"))
    command = [str(dcmtk.root / "usr/bin/dcmqrscp"), "-c", str(configuration)]
    with (folder / "dcmqrscp.log").open("wb") as log:
        child = subprocess.Popen(command, env=dcmtk.environment(), stdout=log, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: dcmtk.run("echoscu", "-aec", "ARCHIVE", "127.0.0.1", str(own)).returncode == 0)
        yield
    finally:
        child.terminate()
        child.wait()


def test_studies_are_found_and_fetched_at_an_archive_of_another_make(
    hub: Any, dcmtk: Any, tmp_path: Path, eventually: Any
) -> None:
    port, own = free_port(), free_port()
    running = hub(port=str(port), HUB_IMAGING_DIMSE_PEERS=json.dumps({"ARCHIVE": {"host": "127.0.0.1", "port": own}}))
    old, new = picture(StudyDate="20250101", AccessionNumber="A-7"), picture(StudyDate="20260101")
    more = picture(StudyInstanceUID=new.StudyInstanceUID, StudyDate="20260101")
    paths = write(tmp_path / "sent", old, new, more, picture(PatientID="SYN-0002"))
    with dcmqrscp(dcmtk, tmp_path, own, port, eventually):
        assert dcmtk.run("storescu", "-aec", "ARCHIVE", "127.0.0.1", str(own), *paths).returncode == 0
        found = dimse.find_studies(running.chosen, "ARCHIVE", patient_id="SYN-0001")
        assert [study.uid for study in found] == [new.StudyInstanceUID, old.StudyInstanceUID]
        [one] = dimse.find_studies(running.chosen, "ARCHIVE", accession="A-7")
        assert (one.uid, one.date, one.patient_id) == (old.StudyInstanceUID, "20250101", "SYN-0001")
        assert dimse.move(running.chosen, "ARCHIVE", new.StudyInstanceUID) == dimse.Moved(2, 0, 0)
        assert running.instances().keys() == {new.SOPInstanceUID, more.SOPInstanceUID}
        assert dimse.find_studies(running.chosen, "ARCHIVE", study="1.2.3") == []


def test_an_archive_that_speaks_tls_only_is_asked_and_sends_and_one_of_another_ca_is_not_trusted(
    hub: Any, orthanc: Any, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, dicom = free_port(), free_port()
    running = hub(
        port=str(port),
        HUB_IMAGING_DIMSE_PEERS=json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": dicom, "tls": True}}),
        HUB_IMAGING_DIMSE_TLS_KEY_FILE=str(certificates / "hub.key"),
        HUB_IMAGING_DIMSE_TLS_CERTIFICATE_FILE=str(certificates / "hub.pem"),
        HUB_IMAGING_DIMSE_TLS_CA_FILE=str(certificates / "ca.pem"),
    )
    archive = orthanc(
        port,
        dicom,
        DicomTlsEnabled=True,
        DicomTlsPrivateKey=str(certificates / "scanner.key"),
        DicomTlsCertificate=str(certificates / "scanner.pem"),
        DicomTlsTrustedCertificates=str(certificates / "ca.pem"),
        DicomModalities={"hub": {"AET": "HUB", "Host": "127.0.0.1", "Port": port, "UseDicomTls": True}},
    )
    one = picture()
    archive.upload(content(one))
    [found] = dimse.find_studies(running.chosen, "ORTHANC", patient_id="SYN-0001")
    assert found.uid == one.StudyInstanceUID
    assert dimse.move(running.chosen, "ORTHANC", found.uid).completed == 1
    assert list(running.instances()) == [one.SOPInstanceUID]
    monkeypatch.setenv("HUB_IMAGING_DIMSE_TLS_CA_FILE", str(certificates / "stranger.pem"))
    settings.cache_clear()
    with pytest.raises(Unavailable, match="ORTHANC at"):
        dimse.find_studies(settings(), "ORTHANC", patient_id="SYN-0001")
    monkeypatch.setenv("HUB_IMAGING_DIMSE_PEERS", json.dumps({"ORTHANC": {"host": "127.0.0.1", "port": dicom}}))
    settings.cache_clear()
    with pytest.raises(Unavailable, match="ORTHANC at"):
        dimse.find_studies(settings(), "ORTHANC", patient_id="SYN-0001")
