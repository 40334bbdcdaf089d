"""What all tests share."""

from __future__ import annotations

import gc
import signal
from contextlib import ExitStack

import hypothesis
import pytest

from tests import lending, processes

# A shell that starts the tests in the background has them ignore Ctrl-C. Programs that the
# tests start would inherit that, and could not be interrupted by the tests of Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Real results are a million objects. At the usual thresholds a third of the time of the tests that
# read them goes by in searches for garbage that isn't there.
gc.set_threshold(50_000, 20, 20)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")

# The files that take longest begin first: one of them, begun last, would be alone at the end.
_LONGEST = (
    "test_bisect_for_real.py",
    "test_malformed_requests.py",
    "test_torchserves_handlers.py",
    "test_model_classes.py",
    "test_mutants.py",
    "test_forks.py",
    "test_cluster_for_real.py",
    "test_images_under_test.py",
    "test_real_clients.py",
    "test_configuration_parity.py",
    "test_provision.py",
    "test_shutdown.py",
    "test_drill_for_real.py",
    "test_for_real.py",
    "test_machines.py",
    "test_run.py",
    "test_in_pytest.py",
    "test_plan_command.py",
    "test_peers.py",
    "test_page.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what opens the report page, so that none is forgotten, and put the longest first."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.page)
    places = {name: place for place, name in enumerate(_LONGEST)}
    # Then those that wait for processes, which nothing would be left to go on beside at the end.
    waiting = {item.path for item in items if item.get_closest_marker("integration")}
    items.sort(
        key=lambda item: places.get(item.path.name, len(places) + (item.path not in waiting))
    )


def pytest_collection_finish() -> None:
    """Leave what was imported and collected, which stays, out of every search for garbage."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    """Share fork servers and TorchServe in the session; its first process has them."""
    if not hasattr(config, "workerinput"):
        stack = ExitStack()
        stack.enter_context(processes.shared())
        stack.enter_context(lending.shared())
        config.add_cleanup(stack.close)
