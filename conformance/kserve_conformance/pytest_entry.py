"""The entry point of pytest: loads the suite's plugin where the suite is what pytest runs.

Every run of pytest in an environment that has the suite imports this module. Other runs must
neither wait for the suite's imports nor get its options, whose names others use, too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_PACKAGE = Path(__file__).resolve().parent


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Load the plugin while its options can still be added."""
    given = early_config.known_args_namespace
    here = early_config.invocation_params.dir
    if any(_is_ours(each, given.pyargs, here) for each in given.file_or_dir):
        early_config.pluginmanager.import_plugin("kserve_conformance.plugin")


def _is_ours(argument: str, is_module: bool, here: Path) -> bool:
    named = argument.partition("::")[0]
    if is_module and named.partition(".")[0] == _PACKAGE.name:
        return True
    path = (here / named).resolve()
    return path == _PACKAGE or _PACKAGE in path.parents
