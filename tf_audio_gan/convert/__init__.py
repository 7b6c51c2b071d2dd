"""Checkpoints of other projects as presets of this package: a file for each project."""
