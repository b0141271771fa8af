"""FHIR R4 in and out: JSON to validated resources and back, messages, searchsets, and what the door can do."""
