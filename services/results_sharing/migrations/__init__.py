"""The revisions of the service's own tables."""
