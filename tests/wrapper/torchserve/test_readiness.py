"""Readiness follows TorchServe, both ways, and never waits for it."""

import pickle
import threading
import time
from collections.abc import Callable

from tests.wrapper.surroundings import Workers
from wrapper.names import Target
from wrapper.torchserve.readiness import Readiness
from wrapper.torchserve.unloaded import Unloaded


def _within_a_second(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_it_follows_each_model_up_and_down() -> None:
    workers = Workers(digits="it has no worker", contract=None)
    readiness = Readiness(["digits", "contract"], workers, warn_after=300)
    readiness.wait_for_first_answer(1)
    assert readiness.is_ready(Target("contract"))
    assert not readiness.is_ready(Target("digits"))
    workers.reasons["digits"] = None
    assert _within_a_second(lambda: readiness.is_ready(Target("digits")))
    workers.reasons["digits"] = "TorchServe doesn't answer"
    assert _within_a_second(lambda: not readiness.is_ready(Target("digits")))


def test_a_model_that_nobody_configured_is_not_ready() -> None:
    assert not Readiness(["digits"], Workers(digits=None), 300).is_ready(Target("unknown"))


def test_waiting_for_the_first_answer_ends_when_it_comes() -> None:
    started = time.monotonic()
    Readiness(["digits"], Workers(digits="no"), 300).wait_for_first_answer(30)
    assert time.monotonic() - started < 10


def test_a_copy_in_another_process_asks_for_itself() -> None:
    readiness = Readiness(["digits"], Workers(digits=None), 300)
    readiness.wait_for_first_answer(1)
    copy = pickle.loads(pickle.dumps(readiness))
    copy._describer.reasons["digits"] = "gone"
    assert _within_a_second(lambda: not copy.is_ready(Target("digits")))


def test_what_another_wrapper_serves_and_unloaded_is_none_of_its_own() -> None:
    of_all = Unloaded()
    of_all.take_out("other")
    of_all.take_out("digits")
    readiness = Readiness(["digits"], Workers(digits=None), 300, unloaded=of_all)
    assert readiness.unloaded() == {"digits"}
    assert not readiness.knows("other")
    assert Readiness([], Workers(digits=None), 300, unloaded=of_all).unloaded() == of_all.names()


def test_nothing_is_asked_once_nobody_has_it_any_more() -> None:
    before = set(threading.enumerate())
    readiness = Readiness(["digits"], Workers(digits=None), 300)
    readiness.wait_for_first_answer(10)
    its = set(threading.enumerate()) - before
    assert its
    del readiness
    for thread in its:
        thread.join(10)
    assert not its & set(threading.enumerate())


def test_models_that_nobody_configured_are_those_that_torchserve_has() -> None:
    workers = Workers(digits=None)
    readiness = Readiness([], workers, 300)
    assert _within_a_second(lambda: readiness.models() == ("digits",))
    workers.reasons["late"] = "it has no worker"
    assert _within_a_second(lambda: readiness.models() == ("digits", "late"))
    assert not readiness.is_ready(Target("late"))
    del workers.reasons["digits"]
    assert _within_a_second(lambda: readiness.models() == ("late",))


def test_a_model_that_was_unloaded_on_purpose_does_not_count() -> None:
    readiness = Readiness(["digits", "other"], Workers(digits=None, other=None), 300)
    readiness.wait_for_first_answer(1)
    readiness.set_unloaded("other", True)
    assert readiness.models() == ("digits",)
    assert not readiness.is_ready(Target("other"))
    readiness.set_unloaded("other", False)
    # What was known of it before isn't so any more.
    assert not readiness.is_ready(Target("other"))
    assert _within_a_second(lambda: readiness.is_ready(Target("other")))


def test_a_describer_that_fails_does_not_end_the_asking() -> None:
    workers = Workers()
    readiness = Readiness(["digits"], workers, 300)
    readiness.wait_for_first_answer(1)
    assert readiness.reason_last_seen("digits") == "asking about it failed (KeyError)"
    workers.reasons["digits"] = None
    assert _within_a_second(lambda: readiness.is_ready(Target("digits")))
