"""Figures that say how far generated audio is from real audio."""
