"""Inference: what the trained models make of prepared pixels."""
