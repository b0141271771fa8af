"""Packages of models on disk: what lies in them, what they declare, and the store that every node reads."""
