"""What TorchServe said counts until something newer is seen."""

from __future__ import annotations

from wrapper.torchserve.description import Description, Worker
from wrapper.torchserve.watching.picture import Picture, Told
from wrapper.torchserve.watching.report import NOT_ASKED, Report, Seen
from wrapper.torchserve.watching.schedule import Standing


def _described(version: str, *workers: tuple[str, int]) -> Description:
    told = [{"status": state, "pid": process} for state, process in workers]
    return Description.of({"modelVersion": version, "workers": told})


def _told(*described: Description, followed: bool = True) -> Told:
    return Told(None, {}, described, followed, has_all=True)


def _pictured(told: Told, *dead: int) -> Picture:
    def is_dead(worker: Worker) -> bool:
        return worker.process in dead

    picture = Picture(["m"], is_dead)
    picture.tell("m", told)
    return picture


TWO = _told(_described("2.0", ("READY", 11), ("READY", 12)), _described("1.0", ("READY", 13)))


def test_a_model_is_as_ready_as_the_workers_of_its_default_version_that_live() -> None:
    ready = Seen(None, {"2.0": None, "1.0": None}, ("READY",) * 3, has_all=True)
    assert _pictured(TWO).seen() == {"m": ready}
    assert _pictured(TWO).standing("m") is Standing.WELL
    one = _pictured(TWO, 12)
    assert one.seen()["m"].reason is None
    assert one.seen()["m"].workers == ("READY", "UNLOADING", "READY")
    assert one.standing("m") is Standing.PARTLY
    none = _pictured(TWO, 11, 12)
    why = "none of its 2 workers is READY"
    assert none.seen()["m"][:2] == (why, {"2.0": why, "1.0": None})
    assert none.standing("m") is Standing.WRONG
    assert _pictured(TWO, 13).seen()["m"].versions["1.0"] == "none of its 1 workers is READY"


def test_workers_whose_end_would_not_be_seen_are_asked_about_often() -> None:
    assert (
        _pictured(_told(_described("1.0", ("READY", 1)), followed=False)).standing("m")
        is Standing.UNSEEN
    )


def test_what_is_still_to_be_told_is_asked_for() -> None:
    for open_ in (TWO._replace(is_open=True), TWO._replace(has_all=False)):
        assert _pictured(open_).seen()["m"].reason is None
        assert _pictured(open_).standing("m") is Standing.WRONG


def test_trouble_is_that_of_all_models_and_what_was_said_before_it_is_over() -> None:
    picture = _pictured(TWO)
    picture.set_trouble("it hangs")
    hangs = Seen("it hangs", {"2.0": "it hangs", "1.0": "it hangs"}, has_all=True)
    assert picture.seen() == {"m": hangs}
    picture.set_trouble(None)
    assert picture.seen() == {"m": hangs}
    picture.tell("m", TWO)
    assert picture.seen()["m"].reason is None


def test_only_models_that_are_there_are_known() -> None:
    picture = _pictured(TWO)
    picture.tell("other", TWO)
    assert set(picture.seen()) == {"m"}
    picture.set_names(["other", "m"])
    assert [seen.reason for seen in picture.seen().values()] == [NOT_ASKED, None]
    picture.forget("m")
    assert picture.seen()["m"] == Seen(NOT_ASKED)


def test_a_report_is_read_as_it_was_written() -> None:
    report = Report(_pictured(TWO, 11, 12).seen(), torchserve="this one", is_whole=True)
    assert Report.from_json(report.to_json()) == report
