"""Plumbing that every service stands on: it knows FHIR, AMQP and SQL, and no clinical rule."""
