"""Families times hyper-parameters; the best of each by validation."""
