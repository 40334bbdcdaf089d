"""Servers of others, and our wrapper, judged by the conformance suite, and their claims."""
