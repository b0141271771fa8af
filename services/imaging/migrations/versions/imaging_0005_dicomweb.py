"""DICOMweb: what studies, series and instances are found by; what became of files in quarantine.

Studies that are here already are found by what their rows say; `hub instances index` reads the rest out of their files.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "imaging_0005"
down_revision = "imaging_0004"
branch_labels = None
depends_on = None


def _attributes(**columns: str) -> str:
    """The JSON of what a row says: `VR_TAG` → column; what it does not say is left out."""
    pairs = []
    for name, column in columns.items():
        vr, tag = name.split("_")
        element = f"jsonb_build_object('vr', '{vr}', 'Value', jsonb_build_array({column}))"
        pairs.append(f"'{tag}', CASE WHEN {column} <> '' THEN {element} END")
    return f"jsonb_strip_nulls(jsonb_build_object({', '.join(pairs)}))"


STUDIES = f"""
WITH first AS (SELECT DISTINCT ON (study) * FROM instance ORDER BY study, hub_made, stored_at, uid)
INSERT INTO study_found SELECT study, study_date, '', '', patient_id, chr(10), {
    _attributes(
        UI_0020000D="study",
        LO_00100020="patient_id",
        LO_00100021="issuer",
        DA_00080020="study_date",
        DA_00100030="birth_date",
    )
} FROM first
"""  # noqa: S608 (constants of this file)
SERIES = f"""
WITH first AS (SELECT DISTINCT ON (study, series) * FROM instance ORDER BY study, series, stored_at, uid)
INSERT INTO series_found SELECT study, series, modality, NULL, {
    _attributes(UI_0020000E="series", CS_00080060="modality", CS_00180015="body_part")
} FROM first
"""  # noqa: S608 (constants of this file)


def upgrade() -> None:
    """Expand."""
    op.add_column("instance", sa.Column("attributes", JSONB))
    op.create_table(
        "study_found",
        sa.Column("uid", sa.Text, sa.ForeignKey("study.uid"), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("study_date", "study_time", "accession", "patient_id")),
        sa.Column("patient_name", sa.Text, nullable=False),
        sa.Column("attributes", JSONB, nullable=False),
    )
    op.create_index("study_found_date", "study_found", [sa.text("study_date DESC, study_time DESC, uid")])
    for column in ("patient_id", "accession"):
        op.create_index(f"study_found_{column}", "study_found", [column], postgresql_ops={column: "text_pattern_ops"})
    op.create_table(
        "series_found",
        sa.Column("study", sa.Text, sa.ForeignKey("study.uid"), primary_key=True),
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger),
        sa.Column("attributes", JSONB, nullable=False),
    )
    op.create_index("series_found_uid", "series_found", ["uid"])
    op.execute(STUDIES)
    op.execute(SERIES)
    for name in ("study", "instance", "decision", "decided_by"):
        op.add_column("quarantine", sa.Column(name, sa.Text))
    op.add_column("quarantine", sa.Column("decided_at", sa.DateTime(timezone=True)))
