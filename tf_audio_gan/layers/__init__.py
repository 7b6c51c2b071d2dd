"""Keras layers the models share."""
