"""The schemas of GitHub's and GitLab's files, as check-jsonschema has them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tests import processes


def assert_valid(
    schema: Literal["github-actions", "github-workflows", "gitlab-ci"], path: Path
) -> None:
    """Hold a pipeline against its schema.

    Raises:
        AssertionError: when it breaks it; tells where.
    """
    ran = processes.run(["check_jsonschema", "--builtin-schema", f"vendor.{schema}", path])
    assert ran.returncode == 0, ran.stdout + ran.stderr
