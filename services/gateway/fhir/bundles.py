"""The searchset: results with their addresses, the total, and a self link that starts as the client's own address did.

Source: http://hl7.org/fhir/R4/http.html#search
"""

from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

import orjson


def searchset(
    base: str, kind: str, asked: Sequence[tuple[str, str]], total: int, found: Iterable[tuple[str, bytes]]
) -> bytes:
    """The Bundle, with each resource's bytes as they are stored.

    Args:
        base: address of the FHIR door, without a slash at its end.
        asked: the parameters that were used.
        found: id and JSON of each result.
    """
    query = urlencode(list(asked), safe="|:/,", quote_via=quote)
    entries = [
        {
            "fullUrl": f"{base}/{kind}/{number}",
            "resource": orjson.Fragment(body),
            "search": {"mode": "match"},
        }
        for number, body in found
    ]
    bundle: dict[str, object] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": "self", "url": f"{base}/{kind}" + (f"?{query}" if query else "")}],
    }
    if entries:
        bundle["entry"] = entries
    return orjson.dumps(bundle)
