"""What the training scripts of several models share; run them with `PYTHONPATH=.:models`. The hub never imports it."""
