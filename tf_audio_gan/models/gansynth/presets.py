"""Recipes for GANSynth."""

RECIPES = {}
