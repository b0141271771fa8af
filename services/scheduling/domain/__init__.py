"""The rules of scheduling: local time, what may become of an appointment, by when a follow-up has to be."""
