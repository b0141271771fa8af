"""Migrations of the imaging database."""
