"""The formats of /metrics, and TorchServe's own beside the wrapper's."""

from __future__ import annotations

from pathlib import Path

import pytest

from matrix.running.scrape import Scrape
from matrix.running.timing import seconds_until
from tests.wrapper.front.asking import V1, answer_to
from tests.wrapper.surroundings import AnsweringTorchServe, settings
from tests.wrapper.torchserve.standin import Standin, standing_in
from wrapper.front import Answer, MetricsFront
from wrapper.settings import SettingsError
from wrapper.torchserve.description import Description
from wrapper.torchserve.service import TorchServe

# As TorchServe 0.12 writes it.
OWN = (
    "# HELP ts_queue_latency_microseconds Torchserve prometheus counter metric with unit: "
    "Microseconds\n"
    "# TYPE ts_queue_latency_microseconds counter\n"
    'ts_queue_latency_microseconds{model_name="digits",model_version="default",hostname="pod",} 9.0'
)


def _told(torchserve: TorchServe, accept: str = "") -> Answer:
    return answer_to(torchserve, "/metrics", accept=accept)


def _beside(folder: Path, port: int, **reasons: str | None) -> AnsweringTorchServe:
    more = f"metrics_address=http://127.0.0.1:{port}"
    return AnsweringTorchServe(settings(folder, more=more, TORCHSERVE_METRICS="True"), **reasons)


def test_readiness_and_workers_are_told_by_model(tmp_path: Path) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path), digits=None, late="it has no worker")
    workers = [{"status": state} for state in ("READY", "UNLOADING", "READY")]
    torchserve.workers.described["digits"] = [Description.of({"workers": workers})]
    seconds_until(lambda: bool(torchserve.readiness.workers("digits")), 5)
    scrape = Scrape(_told(torchserve).body.decode())
    ready = {
        each.labels["model"]: each.value for each in scrape.of("torchserve_wrapper_model_ready")
    }
    assert ready == {"digits": 1, "late": 0}
    told = {
        (each.labels["model"], each.labels["state"]): each.value
        for each in scrape.of("torchserve_wrapper_model_workers")
    }
    assert told == {
        ("digits", "READY"): 2,
        ("digits", "UNLOADING"): 1,
        ("late", "READY"): 0,
    }


def test_requests_of_the_front_are_counted(torchserve: AnsweringTorchServe) -> None:
    name, labels = "torchserve_wrapper_requests_total", {"model": "digits", "status": "200"}
    before = Scrape(_told(torchserve).body.decode()).total(name, **labels)
    assert answer_to(torchserve, "/v1/models/digits:predict", V1).status == 200
    assert Scrape(_told(torchserve).body.decode()).total(name, **labels) == before + 1


def test_it_is_openmetrics_for_who_asks_for_that(torchserve: AnsweringTorchServe) -> None:
    answer = _told(torchserve, accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")
    assert _told(torchserve).content_type.startswith("text/plain")


def test_torchserves_own_are_beside_them_where_asked_for(standin: Standin, tmp_path: Path) -> None:
    standin.body = OWN
    torchserve = _beside(tmp_path, standin.server_port)
    # OpenMetrics would end before them.
    answer = _told(torchserve, accept="application/openmetrics-text")
    assert answer.content_type.startswith("text/plain")
    scrape = Scrape(answer.body.decode())
    assert scrape.total("ts_queue_latency_microseconds", model_name="digits") == 9
    assert scrape.total("torchserve_wrapper_model_ready", model="digits") == 1
    assert standin.paths[-1] == "/metrics"


def test_nobody_asks_torchserve_for_them_otherwise(standin: Standin, tmp_path: Path) -> None:
    more = f"metrics_address=http://127.0.0.1:{standin.server_port}"
    _told(AnsweringTorchServe(settings(tmp_path, more=more)))
    assert "/metrics" not in standin.paths


@pytest.mark.parametrize("way", ["refuses", "is silent", "fails", "is no TorchServe"])
def test_the_wrappers_are_told_when_torchserve_does_not_tell_its_own(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with standing_in() as standin:
        standin.body = "<html>moved</html>"
        standin.status = 500 if way == "fails" else 200
        standin.delay = 3 if way == "is silent" else 0
        port = 9 if way == "refuses" else standin.server_port
        torchserve = _beside(tmp_path, port)
        for _ in range(2):
            scrape = Scrape(_told(torchserve).body.decode())
            assert scrape.total("torchserve_wrapper_model_ready", model="digits") == 1
    missing = [each for each in caplog.messages if "own metrics are missing" in each]
    # Once, though it is scraped again and again.
    assert len(missing) == 1


def test_they_are_back_with_torchserve(standin: Standin, tmp_path: Path) -> None:
    standin.body = OWN
    standin.statuses = [500]
    torchserve = _beside(tmp_path, standin.server_port)
    assert b"ts_queue" not in _told(torchserve).body
    assert b"ts_queue" in _told(torchserve).body


def test_the_bare_sdk_leaves_all_other_paths_to_the_sdk(torchserve: AnsweringTorchServe) -> None:
    front = MetricsFront(torchserve)
    assert front.route("GET", "/metrics") is not None
    for path in ("/", "/v1/models", "/v2/models/digits/infer", "/metrics/more"):
        assert front.route("GET", path) is None


def test_a_setting_that_is_no_switch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"TORCHSERVE_METRICS='yes'.*write true or false"):
        settings(tmp_path, TORCHSERVE_METRICS="yes")


@pytest.mark.parametrize(
    ("mode", "advises"),
    [("", True), ("metrics_mode=LOG", True), ("metrics_mode=prometheus", False)],
)
def test_a_mode_that_leaves_torchserves_empty_is_told(
    mode: str, advises: bool, tmp_path: Path
) -> None:
    advice = settings(tmp_path, more=mode).metrics_advice()
    assert ("set metrics_mode=prometheus" in (advice or "")) == advises
