"""Servers that nobody here wrote, judged by the conformance suite, and their claims."""
