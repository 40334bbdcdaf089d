"""The manifests of a plan: valid for each Kubernetes that they are for, as clusters want them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kserve_conformance.results.json_form import from_json

from matrix.commands import cli
from matrix.planning import kubernetes, plan_file
from matrix.planning.kubernetes import Cluster
from matrix.planning.plan import PlanError
from matrix.planning.plan_file import PlanFile
from tests import kubernetes_schemas
from tests.kubernetes_schemas import is_valid, validate
from tests.matrix.runs import REPOSITORY

# The first that has backoffLimitPerIndex without being told to.
OLDEST = (1, 29)
VERSIONS = [
    version
    for version in kubernetes_schemas.VERSIONS
    if tuple(map(int, version.split(".")[:2])) >= OLDEST
]
PAGE = REPOSITORY / "docs" / "ci" / "kubernetes.md"
CLUSTER = Cluster("registry.example/harness:1", "matrix", None)
SHARDS = 3


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> PlanFile:
    """Give a plan as a person makes it and others read it."""
    selection = ["--kserve", "0.13.1", "--kserve", "0.16.0", "--runtime", "process"]
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    with file.open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        assert cli.main(["plan", *selection, f"--shards={SHARDS}", "--format=json"]) == 0
    return plan_file.read(file)


@pytest.fixture
def objects(planned: PlanFile) -> dict[str, dict[str, Any]]:
    """Give the objects of the plan's manifests, by kind and name."""
    return read(kubernetes.manifests(planned, CLUSTER))


def read(text: str) -> dict[str, dict[str, Any]]:
    every = list(yaml.safe_load_all(text))
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in every}


def pod(job: Mapping[str, Any]) -> Any:
    return job["spec"]["template"]["spec"]


def container(job: Mapping[str, Any]) -> Any:
    (only,) = pod(job)["containers"]
    return only


def test_there_are_versions_to_validate_for() -> None:
    assert VERSIONS[0].startswith("1.29")
    assert len(VERSIONS) >= 5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("claim", [None, "mine"])
def test_the_manifests_are_valid(planned: PlanFile, version: str, claim: str | None) -> None:
    every = read(kubernetes.manifests(planned, Cluster("image", "matrix", claim)))
    assert len(every) == (3 if claim else 4)
    for manifest in every.values():
        validate(manifest, version)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda job: job["spec"].update(backOffLimitPerIndex=1),
        lambda job: job["spec"].update(completions="3"),
        lambda job: pod(job).update(restartpolicy="Never"),
        lambda job: container(job)["securityContext"].update(capabilities=["ALL"]),
    ],
)
def test_what_is_not_valid_would_be_seen(
    objects: dict[str, dict[str, Any]], spoil: Callable[[Any], None]
) -> None:
    job = objects["Job/matrix"]
    assert is_valid(job)
    spoil(job)
    assert not is_valid(job)


def test_the_pod_that_the_page_shows_is_valid() -> None:
    (shown,) = re.findall(r"<<'END'\n(.*?)END\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for version in VERSIONS:
        validate(yaml.safe_load(shown), version)


def test_the_page_shows_the_commands_that_the_manifests_name(planned: PlanFile) -> None:
    page = PAGE.read_text(encoding="utf-8")
    lines = kubernetes.manifests(planned, CLUSTER).partition("---")[0].splitlines()
    commands = [line[1:].strip() for line in lines[2:]]
    assert len(commands) == 3
    assert all(command in page for command in commands)


def test_each_index_runs_its_shard(
    objects: dict[str, dict[str, Any]],
    planned: PlanFile,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = objects["Job/matrix"]
    spec = job["spec"]
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", SHARDS)
    assert spec["parallelism"] == SHARDS
    mounted = tmp_path / "mounted.json"
    mounted.write_text(objects["ConfigMap/matrix-plan"]["data"]["plan.json"], encoding="utf-8")
    *command, plan, file, index, number, out, folder, jobs, count = container(job)["args"]
    assert command == ["python", "-m", "matrix", "run"]
    assert (plan, file, index, number) == (
        *("--plan", "/plan/plan.json"),
        *("--index", "$(JOB_COMPLETION_INDEX)"),
    )
    # A pod that is begun again has another name, and writes into no other's folder.
    assert (out, folder) == ("--out", "results/shards/$(POD_NAME)")
    # It sees all processors of its node, and has two.
    assert ((jobs, count), container(job)["resources"]["requests"]["cpu"]) == (("--jobs", "6"), "2")
    for place, shard in enumerate(planned.shards):
        assert cli.main(["run", plan, str(mounted), index, str(place), "--list"]) == 0
        assert capsys.readouterr().out.splitlines() == shard.cells


def test_the_plan_is_mounted_where_it_is_read(objects: dict[str, dict[str, Any]]) -> None:
    for name in ("Job/matrix", "Job/matrix-decide"):
        volumes = {each["name"]: each for each in pod(objects[name])["volumes"]}
        mounts = {each["name"]: each for each in container(objects[name])["volumeMounts"]}
        assert mounts.keys() == volumes.keys() == {"plan", "results", "tmp"}
        assert volumes["plan"]["configMap"] == {"name": "matrix-plan"}
        assert mounts["plan"] == {"name": "plan", "mountPath": "/plan", "readOnly": True}
        assert volumes["results"]["persistentVolumeClaim"] == {"claimName": "matrix-results"}
        assert "/plan/plan.json" in " ".join(container(objects[name])["args"])


def test_a_verdict_ends_no_pod_and_wrong_usage_ends_the_job(
    objects: dict[str, dict[str, Any]],
) -> None:
    job = objects["Job/matrix"]
    assert container(job)["command"] == ["tini", "-e", "1", "--"]
    by_codes = [rule for rule in job["spec"]["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert [(rule["action"], rule["onExitCodes"]["values"]) for rule in by_codes] == [
        ("FailJob", [2])
    ]
    # All else, such as 3, is tried once more, on that index only.
    assert job["spec"]["backoffLimitPerIndex"] == 1
    assert job["spec"]["maxFailedIndexes"] == SHARDS
    assert pod(job)["restartPolicy"] == "Never"


@pytest.mark.parametrize(("seconds", "deadline"), [(60.0, 3600), (2000.0, 8000)])
def test_a_pod_that_hangs_is_ended(planned: PlanFile, seconds: float, deadline: int) -> None:
    shards = [replace(each, seconds=seconds) for each in planned.shards]
    every = read(kubernetes.manifests(replace(planned, shards=shards), CLUSTER))
    assert pod(every["Job/matrix"])["activeDeadlineSeconds"] == deadline


@pytest.mark.parametrize("name", ["Job/matrix", "Job/matrix-decide"])
def test_a_pod_is_what_the_restricted_standard_allows(
    objects: dict[str, dict[str, Any]], name: str
) -> None:
    spec, only = pod(objects[name]), container(objects[name])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    kinds = {kind for volume in spec["volumes"] for kind in volume.keys() - {"name"}}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim"}
    assert {"cpu", "memory"} <= only["resources"]["requests"].keys()
    assert "memory" in only["resources"]["limits"]
    assert spec["automountServiceAccountToken"] is False


def test_the_decision_waits_until_it_is_resumed(objects: dict[str, dict[str, Any]]) -> None:
    assert objects["Job/matrix-decide"]["spec"]["suspend"] is True
    assert "suspend" not in objects["Job/matrix"]["spec"]


@pytest.mark.parametrize(
    ("merged", "gate", "ended", "asked"),
    [
        (True, 0, 0, ["merge", "gate", "report"]),
        (True, 1, 1, ["merge", "gate", "report"]),
        (True, 3, 3, ["merge", "gate", "report"]),
        (False, 0, 3, ["merge"]),
    ],
)
def test_the_decision_is_the_gates(
    objects: dict[str, dict[str, Any]],
    tmp_path: Path,
    merged: bool,
    gate: int,
    ended: int,
    asked: list[str],
) -> None:
    shell, option, script = container(objects["Job/matrix-decide"])["args"]
    writes = "echo x > results/results.jsonl; " if merged else ""
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        'echo "$3" >> said\n'
        f"case $3 in merge) {writes}exit 3;; gate) exit {gate};; esac\n"
    )
    python.chmod(0o755)
    # Of an earlier try, which must not be judged.
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.jsonl").write_text("old\n")
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([shell, option, script], cwd=tmp_path, env={**os.environ, **path})
    assert ran.returncode == ended
    assert (tmp_path / "said").read_text().split() == asked


@pytest.mark.parametrize(("gate", "ended"), [(0, 3), (1, 1)])
def test_a_report_that_fails_hides_no_decision(
    objects: dict[str, dict[str, Any]], tmp_path: Path, gate: int, ended: int
) -> None:
    shell, option, script = container(objects["Job/matrix-decide"])["args"]
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        "case $3 in merge) echo x > results/results.jsonl;; "
        f"gate) exit {gate};; report) exit 2;; esac\n"
    )
    python.chmod(0o755)
    (tmp_path / "results").mkdir()
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([shell, option, script], cwd=tmp_path, env={**os.environ, **path})
    assert ran.returncode == ended


def test_a_claim_of_ones_own_is_used_and_not_made(planned: PlanFile) -> None:
    every = read(kubernetes.manifests(planned, Cluster("image", "run-7", "mine")))
    assert every.keys() == {"ConfigMap/run-7-plan", "Job/run-7", "Job/run-7-decide"}
    for name in ("Job/run-7", "Job/run-7-decide"):
        claims = [each.get("persistentVolumeClaim") for each in pod(every[name])["volumes"]]
        assert {"claimName": "mine"} in claims


@pytest.mark.parametrize("name", ["Matrix", "1st", "a-", "a_b", "", "a" * 41])
def test_what_no_object_can_be_named_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="use up to 40 small letters"):
        Cluster("image", name, None)


def test_a_plan_that_no_config_map_holds_is_refused(planned: PlanFile) -> None:
    (first, *_) = planned.shards
    cells = [f"{first.cells[0]}-{number}" for number in range(20_000)]
    large = json.loads(plan_file.as_json(planned))
    large["shards"][0]["cells"] = cells
    too_large = from_json(PlanFile, large)
    with pytest.raises(PlanError, match="and a ConfigMap takes"):
        kubernetes.manifests(too_large, CLUSTER)
