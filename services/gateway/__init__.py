"""The gateway: the hub's FHIR door for systems, its sign-in for people, and the repository of what was said."""
