"""One condition of a search as SQL.

Sources: DICOM PS3.4 C.2.2.2.1 (single value), C.2.2.2.2 (lists of UIDs), C.2.2.2.4 (wild cards), C.2.2.2.5 (ranges).
"""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Numeric,
    String,
    Text,
    and_,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH, array

from services.imaging.domain.attributes import Level
from services.imaging.domain.search import Condition, Range
from services.imaging.store.tables import INSTANCE, SERIES_FOUND, STUDY_FOUND

_COLUMNS: Final = {
    "00080020": STUDY_FOUND.c.study_date,
    "00080030": STUDY_FOUND.c.study_time,
    "00080050": STUDY_FOUND.c.accession,
    "00100020": STUDY_FOUND.c.patient_id,
    "0020000D": STUDY_FOUND.c.uid,
    "0020000E": SERIES_FOUND.c.uid,
    "00080016": INSTANCE.c.sop_class,
    "00080018": INSTANCE.c.uid,
    "00083002": INSTANCE.c.transfer_syntax,
}
_ATTRIBUTES: Final = {
    Level.STUDY: STUDY_FOUND.c.attributes,
    Level.SERIES: SERIES_FOUND.c.attributes,
    Level.INSTANCE: INSTANCE.c.attributes,
}
_ESCAPE: Final = "\\"
_NAME: Final = "00100010"


def matching(condition: Condition) -> ColumnElement[bool]:
    """Whether what stands in the query's row, or in the study around it, fulfils a condition."""
    tag = condition.attribute.tag
    if condition.vr == "PN" and "=" in condition.values[0]:
        groups = [group for group in condition.values[0].split("=") if group]
        return and_(true(), *(matching(replace(condition, values=(group,))) for group in groups))
    if tag == "00080061":
        series = SERIES_FOUND.alias()
        return exists().where(series.c.study == STUDY_FOUND.c.uid, _fits(series.c.modality, condition))
    if tag == "00080062":
        instance = INSTANCE.alias()
        return exists().where(instance.c.study == STUDY_FOUND.c.uid, _fits(instance.c.sop_class, condition))
    if tag in _COLUMNS:
        return _fits(_COLUMNS[tag], condition)
    if tag == _NAME:
        return STUDY_FOUND.c.patient_name.like(f"%\n{_pattern(_folded(condition.values[0]))}\n%", escape=_ESCAPE)
    return _any_value(condition)


def _any_value(condition: Condition) -> ColumnElement[bool]:
    """Whether any value of an attribute fits, in its items where these are asked for; of a name, any group."""
    path = f'$."{condition.attribute.tag}".Value[*]'
    if condition.item:
        path += f'."{condition.item}".Value[*]'
    if condition.vr == "PN":
        path += ".*"
    attributes = _ATTRIBUTES[condition.attribute.level]
    values = (
        func.jsonb_path_query(attributes, cast(path, JSONPATH)).table_valued(column("value", JSONB)).render_derived()
    )
    text = values.c.value.op("#>>", return_type=String())(cast(array([]), ARRAY(Text)))
    return exists(select(literal(1)).select_from(values).where(_fits(text, condition)))


def _fits(value: ColumnElement[Any], condition: Condition) -> ColumnElement[bool]:
    if condition.between:
        return _within(value, condition.between)
    match condition.vr:
        case "UI":
            return value.in_(condition.values)
        case "IS" | "US":
            return value == str(int(condition.values[0]))
        case "DS":
            return cast(value, Numeric) == float(condition.values[0])
        case "PN":
            return func.upper(value).like(_pattern(_folded(condition.values[0])), escape=_ESCAPE)
        case _:
            return or_(*(value.like(_pattern(one), escape=_ESCAPE) for one in condition.values))


def _within(value: ColumnElement[Any], between: Range) -> ColumnElement[bool]:
    """Dates and times sort as text; a shorter one means all that begins with it (PS3.4 C.2.2.2.5.1)."""
    last = value <= between.last + "~" if between.last else value != ""
    first = (value >= between.first) | func.starts_with(between.first, value) if between.first else true()
    return (value != "") & first & last


def _pattern(text: str) -> str:
    """Wild cards of DICOM as those of LIKE."""
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text.replace("*", "%").replace("?", "_")


def _folded(name: str) -> str:
    return name.upper().rstrip("^")
