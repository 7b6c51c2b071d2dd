"""The embedded server, which answers as TensorFlow Serving does, and its client."""
