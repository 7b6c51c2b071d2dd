"""One folder a model, and the base class they share."""
