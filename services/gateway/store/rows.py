"""Many rows as one JSON parameter: a statement is built once, and its text is the same however many rows it takes.

Building a statement anew for each message cost the accepting process more than validating the message (measured).
Source: https://www.postgresql.org/docs/18/functions-json.html (json_to_recordset).
"""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, LargeBinary, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSON, Insert, insert
from sqlalchemy.sql.expression import TableValuedAlias


def given(*columns: Column[Any], name: str = "rows") -> TableValuedAlias:
    """The rows of a parameter, as a table with columns named and typed like these; bytes come as hexadecimal text."""
    typed = [column(one.name, Text if isinstance(one.type, LargeBinary) else one.type) for one in columns]
    rows = func.json_to_recordset(cast(bindparam(name, type_=Text), JSON))
    return rows.table_valued(*typed).render_derived(name=f"given_{name}", with_types=True)


def insert_given(*columns: Column[Any], in_order_of: Iterable[Column[Any]] = (), name: str = "rows") -> Insert:
    """An insert of the rows of a parameter; `in_order_of` decides in which order they are locked."""
    rows = given(*columns, name=name)
    values: list[ColumnElement[Any]] = [
        func.decode(rows.c[one.name], "hex") if isinstance(one.type, LargeBinary) else rows.c[one.name]
        for one in columns
    ]
    wanted = select(*values).order_by(*(rows.c[one.name] for one in in_order_of))
    return insert(columns[0].table).from_select([one.name for one in columns], wanted)


def parameter(rows: list[dict[str, Any]], name: str = "rows") -> dict[str, str]:
    """Rows as the parameter that `given` reads."""
    return {name: orjson.dumps(rows, default=bytes.hex).decode()}
