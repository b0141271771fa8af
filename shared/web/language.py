"""English and French for the pages of patients: which one is meant, and days and times as each writes them.

Source: RFC 9110 12.5.4 (Accept-Language)
"""

from datetime import datetime, tzinfo
from typing import Final

from fastapi import Request

LANGUAGES: Final = ("en", "fr")

_DAYS: Final = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
_MONTHS: Final = {
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    "fr": (
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
}


def language(request: Request, wanted: str = "") -> str:
    """The language of a page: the one asked for in the address, else the reader's first that is spoken here."""
    given = [_weighed(part) for part in request.headers.get("accept-language", "").split(",")]
    spoken = [name for _, name in sorted(given, key=lambda pair: -pair[0])]
    return next((one for one in (wanted, *spoken) if one in LANGUAGES), LANGUAGES[0])


def _weighed(part: str) -> tuple[float, str]:
    name, _, weight = part.partition(";")
    try:
        return float(weight.strip().removeprefix("q=") or 1), name.strip()[:2].lower()
    except ValueError:
        return 0.0, ""


def day_in(lang: str, moment: datetime, zone: tzinfo) -> str:
    """`Tuesday 1 December 2026`, `mardi 1er décembre 2026`."""
    local = moment.astimezone(zone)
    number = "1er" if lang == "fr" and local.day == 1 else str(local.day)
    return f"{_DAYS[lang][local.weekday()]} {number} {_MONTHS[lang][local.month - 1]} {local.year}"


def time_in(lang: str, moment: datetime, zone: tzinfo) -> str:
    """`Tuesday 1 December 2026, 14:05`, `mardi 1er décembre 2026 à 14 h 05`."""
    local = moment.astimezone(zone)
    clock = f" à {local.hour} h {local.minute:02d}" if lang == "fr" else f", {local:%H:%M}"
    return day_in(lang, moment, zone) + clock
