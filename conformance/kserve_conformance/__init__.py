"""Judges any KServe / Open Inference Protocol server by what it answers.

pytest rewrites the asserts of its plugins, and warns where they were imported before it began. The
suite has no assert that needs it: PYTEST_DONT_REWRITE.
"""

VERSION = "1.1"
