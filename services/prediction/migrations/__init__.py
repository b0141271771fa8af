"""Migrations of the prediction database."""
