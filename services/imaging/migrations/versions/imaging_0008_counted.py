"""Studies: how many instances are there and whom they name, kept as they come instead of counted for each.

A trigger keeps them, so that code of before this revision, which runs on until it is replaced, counts too.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "imaging_0008"
down_revision = "imaging_0007"
branch_labels = None
depends_on = None

COUNTED = """
SELECT study, count(*) AS present, bool_or(test_subject) AS test_subject, max(stored_at) AS last_at,
    jsonb_agg(DISTINCT jsonb_build_object('id', patient_id, 'issuer', issuer)) AS pictured
FROM {} WHERE NOT hub_made GROUP BY study
"""
FUNCTION = f"""
CREATE FUNCTION count_instances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE study SET
        present = study.present + came.present,
        test_subject = study.test_subject OR came.test_subject,
        last_instance_at = came.last_at,
        pictured = CASE WHEN study.pictured @> came.pictured THEN study.pictured ELSE (
            SELECT jsonb_agg(DISTINCT named)
            FROM jsonb_array_elements(study.pictured || came.pictured) AS both_of_them(named)
        ) END
    FROM ({COUNTED.format("added")}) AS came WHERE study.uid = came.study;
    RETURN NULL;
END $$
"""  # noqa: S608 (constants of this file)
TRIGGER = """
CREATE TRIGGER instances_counted AFTER INSERT ON instance REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION count_instances()
"""
BEFORE = f"""
UPDATE study SET present = came.present, test_subject = came.test_subject, pictured = came.pictured
FROM ({COUNTED.format("instance")}) AS came WHERE study.uid = came.study
"""  # noqa: S608 (as above)


def upgrade() -> None:
    """Expand; the trigger comes first, as it keeps instances out until this commits."""
    op.add_column("study", sa.Column("present", sa.Integer, nullable=False, server_default="0"))
    op.add_column("study", sa.Column("pictured", JSONB, nullable=False, server_default="[]"))
    op.add_column("study", sa.Column("test_subject", sa.Boolean, nullable=False, server_default="false"))
    op.execute(FUNCTION)
    op.execute(TRIGGER)
    op.execute(BEFORE)
