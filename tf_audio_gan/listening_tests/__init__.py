"""Listening tests: pages that ask people, and what their answers say."""
