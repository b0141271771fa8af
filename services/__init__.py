"""The deployable services: one package each, and none imports another."""
