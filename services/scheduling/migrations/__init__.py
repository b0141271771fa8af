"""The revisions of scheduling's own tables."""
