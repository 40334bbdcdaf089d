"""The schemas of GitHub's and GitLab's files, as check-jsonschema has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import jsonschema_rs
from ruamel.yaml import YAML

from tests import packages


def assert_valid(
    schema: Literal["github-actions", "github-workflows", "gitlab-ci"], path: Path
) -> None:
    """Hold a pipeline against its schema; check-jsonschema itself takes a second to be imported.

    Raises:
        AssertionError: when it breaks it; tells where.
    """
    schemas = packages.folder("check_jsonschema") / "builtin_schemas" / "vendor"
    described = json.loads((schemas / f"{schema}.json").read_text(encoding="utf-8"))
    # YAML 1.2, to which GitHub's member "on" is no boolean.
    pipeline = YAML(typ="safe", pure=True).load(path)
    errors = jsonschema_rs.validator_for(described).iter_errors(pipeline)
    assert not (told := [f"{each.instance_path}: {each.message}" for each in errors]), told
