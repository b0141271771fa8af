"""The postman of a service: outbox → exchange, dead letters → table; `python -m shared.relay <service>`."""
