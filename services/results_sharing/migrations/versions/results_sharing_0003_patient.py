"""Reports that wait for an appointment, and what each audit record is about, so that a patient can see who looked."""

import sqlalchemy as sa
from alembic import op

revision = "results_sharing_0003"
down_revision = "results_sharing_0002"
branch_labels = None
depends_on = None

FILL = """
INSERT INTO audit_about (about, number)
SELECT DISTINCT thing, number FROM (
    SELECT number, coalesce(what ->> 'reference', what -> 'identifier' ->> 'value') AS thing
    FROM audit, jsonb_path_query(event::jsonb, '$.entity[*].what') AS what
    UNION ALL
    SELECT number, who #>> '{}' FROM audit, jsonb_path_query(event::jsonb, '$.agent[*].who.reference') AS who
) AS named
WHERE thing LIKE 'Patient/%' OR thing LIKE 'urn:oid:%'
"""

FIXED = """
CREATE TRIGGER audit_about_is_fixed BEFORE UPDATE OR DELETE ON audit_about
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Expand, and fill for the records that are there."""
    op.create_table(
        "release_hold",
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_by", sa.Text, nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wished_at", sa.DateTime(timezone=True)),
        sa.Column("released_at", sa.DateTime(timezone=True)),
        sa.Column("released_by", sa.Text),
    )
    op.create_index(
        "cases_of_patient",
        "cases",
        ["patient_id", sa.text("signed_at DESC")],
        postgresql_where=sa.text("patient_id IS NOT NULL"),
    )
    op.create_table(
        "audit_about",
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
    )
    op.execute(FILL)
    op.execute(FIXED)
