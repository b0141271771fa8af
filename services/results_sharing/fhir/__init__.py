"""FHIR R4 as results_sharing hears it (`facts`) and says it (`report`, `messages`)."""
