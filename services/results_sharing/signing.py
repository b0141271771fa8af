"""The service's own key, with which each audit record is signed (ES256, compact JWS over the record's hash).

Source: RFC 7515, RFC 7518 3.4
"""

from functools import cache
from pathlib import Path

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.settings import MissingSettings


@cache
def _key(file: Path) -> ECKey:
    try:
        return ECKey.import_key(file.read_bytes())
    except (OSError, ValueError, JoseError):
        raise MissingSettings(
            "HUB_RESULTS_SHARING_AUDIT_KEY_FILE names no readable key", fix="Run `hub keys` first."
        ) from None


def sign(file: Path, hashed: str) -> str:
    """The signature of a record's hash.

    Raises:
        MissingSettings: there is no readable key.
    """
    return jws.serialize_compact({"alg": "ES256"}, hashed.encode(), _key(file))


def is_signed(file: Path, hashed: str, signature: str) -> bool:
    """Whether a signature is this key's, and of this hash.

    Raises:
        MissingSettings: there is no readable key.
    """
    try:
        signed = jws.deserialize_compact(signature, _key(file), algorithms=["ES256"])
    except (JoseError, ValueError):
        return False
    return signed.payload == hashed.encode()
