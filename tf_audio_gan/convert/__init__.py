"""Weights of other projects for this package's networks."""
