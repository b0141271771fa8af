"""FHIR R4 (4.0.1) as the hub speaks it: codes, message Bundles, validation and outcomes."""
