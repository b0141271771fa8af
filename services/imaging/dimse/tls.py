"""TLS as DICOM asks for it.

Source: DICOM PS3.15 B.9 (BCP 195 TLS profile): TLS 1.2 or newer, forward secrecy, authenticated encryption.
"""

import ssl
from pathlib import Path

from services.imaging.settings import Settings
from shared.settings import MissingSettings

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"


def server_context(chosen: Settings) -> ssl.SSLContext | None:
    """For the listener: TLS when a key is set, and callers must show a certificate when a CA is set.

    Raises:
        MissingSettings: a file is missing or does not fit.
    """
    if chosen.dimse_tls_key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, chosen.dimse_tls_key_file, chosen.dimse_tls_certificate_file)
    if chosen.dimse_tls_ca_file is not None:
        _trust(context, chosen.dimse_tls_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return _hardened(context)


def client_context(chosen: Settings) -> ssl.SSLContext:
    """For calls to peers with TLS: their certificate is checked, and ours is shown when there is one.

    Raises:
        MissingSettings: a file is missing or does not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if chosen.dimse_tls_ca_file is not None:
        _trust(context, chosen.dimse_tls_ca_file)
    else:
        context.load_default_certs()
    if chosen.dimse_tls_key_file is not None:
        _load(context, chosen.dimse_tls_key_file, chosen.dimse_tls_certificate_file)
    return _hardened(context)


def _hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    return context


def _load(context: ssl.SSLContext, key: Path, certificate: Path | None) -> None:
    if certificate is None:
        raise MissingSettings(
            "HUB_IMAGING_DIMSE_TLS_CERTIFICATE_FILE is not set", fix="Name the certificate that belongs to the key."
        )
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        raise MissingSettings(
            "HUB_IMAGING_DIMSE_TLS_KEY_FILE and _CERTIFICATE_FILE are no readable pair", fix="Name PEM files that fit."
        ) from None


def _trust(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError):
        raise MissingSettings(
            "HUB_IMAGING_DIMSE_TLS_CA_FILE holds no readable certificate", fix="Name a PEM file of CA certificates."
        ) from None
