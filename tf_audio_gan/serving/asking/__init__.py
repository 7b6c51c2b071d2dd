"""What the client is made of: the two interfaces of a server, retries, and long signals in parts. No TensorFlow."""
