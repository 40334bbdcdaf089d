"""The Grafana dashboard, against what /metrics really says, TorchServe's own beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import requests

from fixtures import payloads
from matrix.running.launch import RunningWrapper
from matrix.running.scrape import Sample, Scrape
from matrix.running.timing import seconds_until
from tests.wrapper.metrics import dashboard
from tests.wrapper.metrics.dashboard import Selected
from tests.wrapper.running import RELEASES, start_torchserve, wrapper

DOCUMENT = dashboard.load()
EXPRESSIONS = tuple(dashboard.expressions(DOCUMENT))


class Told:
    """What /metrics said of a service in two moments.

    Attributes:
        alive: after some requests.
        gone: when TorchServe had been stopped.
    """

    def __init__(self, alive: Scrape, gone: Scrape) -> None:
        self.alive, self.gone = alive, gone


def _scrape(subject: RunningWrapper) -> Scrape:
    answer = requests.get(f"{subject.url}/metrics", timeout=30)
    assert answer.status_code == 200
    return Scrape(answer.text)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Ask the newest SDK's wrapper before a TorchServe that tells its metrics; stop TorchServe."""
    folder = tmp_path_factory.mktemp("dashboard")
    with start_torchserve("kserve", "contract", metrics_mode="prometheus") as torchserve:
        more = {
            "TORCHSERVE_METRICS": "true",
            "TS_METRICS_ADDRESS": f"http://127.0.0.1:{torchserve.instance.endpoints.metrics}",
            "TS_METRICS_MODE": "prometheus",
        }
        with wrapper(RELEASES[-1], torchserve.instance, folder, more=more) as subject:
            assert "metrics_mode" not in subject.log()
            right = json.dumps(payloads.load("contract-v1"))
            url = f"{subject.url}/v1/models/contract"
            for verb, body in [*[("predict", right)] * 2, ("explain", right), ("predict", "{")]:
                requests.post(f"{url}:{verb}", data=body, timeout=30)
            alive = _scrape(subject)
            torchserve.stop()
            seconds_until(lambda: requests.get(url, timeout=30).status_code == 503, 30, "not ready")
            refused = requests.post(f"{url}:predict", data=right, timeout=30)
            assert refused.status_code == 503
            yield Told(alive, _scrape(subject))


def test_each_panel_has_its_place_and_its_queries() -> None:
    panels = DOCUMENT["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (panel["gridPos"]["x"] + right, panel["gridPos"]["y"] + down)
        for panel in panels
        for right in range(panel["gridPos"]["w"])
        for down in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert all(x < 24 for x, _ in taken)
    for panel in panels:
        assert panel["description"]
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references))
        for target in panel["targets"]:
            # What a line is called by is what the query keeps its lines apart by.
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            kept = {
                each.kept - {"le"} for each in dashboard.selected(dashboard.filled(target["expr"]))
            }
            assert kept == {frozenset(named)}, target["expr"]


@pytest.mark.integration
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_finds_its_series(expression: str, told: Told) -> None:
    wanted = tuple(dashboard.selected(expression))
    assert wanted
    for each in wanted:
        assert _missing(each, told) is None, expression


@pytest.mark.integration
def test_choices_are_made_from_what_is_there(told: Told) -> None:
    wanted = tuple(dashboard.label_values(DOCUMENT))
    assert wanted
    for each in wanted:
        assert _missing(each, told) is None


@pytest.mark.integration
@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("rate(torchserve_wrapper_request_total[5m])", "no torchserve_wrapper_request_total"),
        ("sum by (modell) (torchserve_wrapper_model_ready)", "no label modell"),
        ('torchserve_wrapper_model_ready{name="x"}', "no label name"),
        ('torchserve_wrapper_requests_total{status=~"299|OKAY"}', "none with status"),
    ],
)
def test_a_query_that_finds_nothing_is_found_out(expression: str, why: str, told: Told) -> None:
    (wanted,) = dashboard.selected(expression)
    assert why in str(_missing(wanted, told))


@pytest.mark.integration
def test_torchserves_own_count_is_beside_the_wrappers_and_goes_with_torchserve(told: Told) -> None:
    own, ours = "ts_inference_requests_total", "torchserve_wrapper_requests_total"
    # Two predictions and an explanation; what the wrapper refuses doesn't come to TorchServe.
    assert told.alive.total(own, model_name="contract") == 3
    assert told.alive.total(ours, model="contract", verb="predict", status="200") == 2
    assert told.alive.total("torchserve_wrapper_model_workers", model="contract") == 1
    assert not list(told.gone.of(own))
    assert told.gone.total(ours, model="contract", verb="predict", status="200") == 2
    assert told.gone.total(ours, model="contract", verb="predict", status="503") == 1
    assert [each.value for each in told.gone.of("torchserve_wrapper_model_ready")] == [0]
    assert told.gone.total("torchserve_wrapper_model_workers", model="contract") == 0


def _missing(wanted: Selected, told: Told) -> str | None:
    """Say what of a query's series is in neither moment, None where nothing is missing."""
    found = [*told.alive.of(wanted.metric), *told.gone.of(wanted.metric)]
    if not found:
        return f"no {wanted.metric}"
    for label in (*wanted.kept, *(name for name, _, _ in wanted.labels)):
        if not any(label in sample.labels for sample in found):
            return f"no label {label} at {wanted.metric}"
    for label, pattern, negated in wanted.labels:
        if not any(_matches(sample, label, pattern) != negated for sample in found):
            return f"none with {label} as {pattern.pattern} at {wanted.metric}"
    return None


def _matches(sample: Sample, label: str, pattern: re.Pattern[str]) -> bool:
    return pattern.fullmatch(sample.labels.get(label, "")) is not None
