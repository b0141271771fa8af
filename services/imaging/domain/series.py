"""Which series of a study a model of volumes may read: original slices, enough of them, never a localizer.

Source: DICOM PS3.3 C.7.6.1.1.2 (Image Type), C.8.2.1.1.1 (its value 3 of a CT).
"""

from collections.abc import Sequence
from typing import Final

from services.imaging.domain.instance import Instance
from services.imaging.domain.model import VolumeUse
from services.imaging.domain.reading import Reason, Refusal

SCOUTS: Final = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVEY"})


def readable(pictures: Sequence[Instance], use: VolumeUse) -> list[Instance] | Refusal:
    """The slices of each series that may be a volume, those of the longest series first."""
    groups = by_series([picture for picture in pictures if _is_slice(picture)])
    if not groups:
        return Refusal(Reason.SERIES, "no series of original slices: localizers and derived images are not read")
    enough = [group for group in groups if _slices(group) >= use.slices]
    if not enough:
        most = max(map(_slices, groups))
        return Refusal(Reason.SERIES, f"no series of {use.slices} slices or more: the longest has {most}")
    enough.sort(key=lambda group: (-_slices(group), group[0].series))
    return [slice_ for group in enough for slice_ in group]


def by_series(pictures: Sequence[Instance]) -> list[list[Instance]]:
    """The pictures of each series, in the order in which the series come."""
    groups: dict[str, list[Instance]] = {}
    for picture in pictures:
        groups.setdefault(picture.series, []).append(picture)
    return list(groups.values())


def _is_slice(picture: Instance) -> bool:
    kinds = picture.image_type.split("\\")
    return kinds[:2] == ["ORIGINAL", "PRIMARY"] and not SCOUTS & set(kinds[2:])


def _slices(group: Sequence[Instance]) -> int:
    return sum(max(1, picture.frames) for picture in group)
