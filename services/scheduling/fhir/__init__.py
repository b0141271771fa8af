"""FHIR's Schedule, Slot and Appointment, the operations of IHE ITI Scheduling, and the messages said and heard."""
