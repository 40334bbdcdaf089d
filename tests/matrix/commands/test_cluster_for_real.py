"""A plan on a cluster, without one: its pods as containers, with what Kubernetes sets."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
import yaml
from docker.models.containers import Container
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import read

from fixtures.torchserve import engine
from matrix.commands import cli
from matrix.results.steady_text import steady_value
from tests import deployed_images

pytestmark = [pytest.mark.container, pytest.mark.integration, pytest.mark.timeout(1500)]

# Of the Pythons that releases need a Debian without downloads has this one only.
_CELLS = [
    f"kserve{release}-{protocol}-kserve-torchserve0.12.0"
    for release in ("0.13.1", "0.16.0")
    for protocol in ("unset", "v3")
]
_CHECKS = [
    *("starts", "effective-protocol", "v1-predict", "v1-refused", "unknown-model"),
    *("refusal-exit-code", "refusal-line", "refusal-termination-log"),
]
SELECTION = [
    *(word for cell in _CELLS for word in ("--cell", cell)),
    *(word for check in _CHECKS for word in ("--check", check)),
    # A machine that is busy with the other containers is no fault of the wrapper.
    *("--runtime", "process", "--start-timeout", "280"),
]
SHARDS = 3
LOST = "matrix-1-lost"
_KILLED = 137


@dataclass(frozen=True)
class Cluster:
    """A folder that stands for the claim, one for the plan's ConfigMap, and the Jobs.

    Attributes:
        codes: the exit codes of the pods that ran, by their names.
        done: the pod that came to the end of an index.
    """

    client: docker.DockerClient
    claim: Path
    plan: Path
    jobs: Mapping[str, Any]
    codes: dict[str, int]
    done: dict[int, str]

    def start(
        self, job: str, pod: str, index: int | None = None, args: Sequence[str] | None = None
    ) -> Container:
        """Start a Job's pod as kubelet does, but for what only a cluster has."""
        spec = self.jobs[job]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        # The second is added by the Job's controller.
        variables = {"POD_NAME": pod}
        if index is not None:
            variables["JOB_COMPLETION_INDEX"] = str(index)
        user = spec["securityContext"]
        given = args or [_expanded(each, variables) for each in container["args"]]
        image: str = container["image"]
        started: Container = self.client.containers.run(
            image,
            [*given],
            entrypoint=container["command"],
            environment=variables,
            user=f"{user['runAsUser']}:{user['runAsGroup']}",
            cap_drop=container["securityContext"]["capabilities"]["drop"],
            security_opt=["no-new-privileges"],
            # All that a shard needs is in the image.
            network_mode="none",
            mem_limit=container["resources"]["limits"]["memory"].removesuffix("i"),
            volumes=[f"{self.plan.parent}:/plan:ro", f"{self.claim}:/harness/results", "/tmp"],
            detach=True,
        )
        return started

    def run(self, job: str, pod: str, index: int | None = None, **more: Any) -> str:
        """Run a pod to its end, keep its exit code, and give what it said."""
        with _removed(self.start(job, pod, index, **more)) as container:
            self.codes[pod] = container.wait()["StatusCode"]
            said: str = container.logs().decode()
            return said

    def complete(self, index: int) -> None:
        """Run an index until a pod succeeds, as often as the Job allows: a machine may be busy."""
        for attempt in range(1 + self.jobs["matrix"]["spec"]["backoffLimitPerIndex"]):
            pod = f"matrix-{index}-again{attempt}"
            said = self.run("matrix", pod, index)
            if self.codes[pod] == 0:
                self.done[index] = pod
                return
        raise AssertionError(f"index {index} is lost:\n{said}")

    def kill(self, job: str, pod: str, index: int) -> None:
        """Start a pod, and kill it once it has begun to write, as a node that is lost does."""
        results = self.shard(pod) / "results.jsonl"
        with _removed(self.start(job, pod, index)) as container:
            container.reload()
            first = psutil.Process(container.attrs["State"]["Pid"])
            while not (results.exists() and b"\n" in results.read_bytes()):
                assert first.is_running(), container.logs().decode()
                time.sleep(0.02)
            try:
                # By an engine that is busy it would take so long that the pod comes to its end.
                first.kill()
            except psutil.AccessDenied:
                container.kill()
            self.codes[pod] = container.wait()["StatusCode"]

    def shard(self, pod: str) -> Path:
        """Name the folder of a pod's results."""
        return self.claim / "shards" / pod


@contextlib.contextmanager
def _removed(container: Container) -> Iterator[Container]:
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    # As kubelet does: a name that is none of the container's variables stays as it is.
    return re.sub(r"\$\((\w+)\)", lambda found: variables.get(found[1], found[0]), word)


def manifests(plan: Path, image: str) -> dict[str, Any]:
    """Give the objects that `plan` writes, by their names, and put its plan where it is mounted."""
    text = plan.with_name("manifests.yml")
    with text.open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        options = ["--format", "kubernetes", "--harness-image", image]
        code = cli.main(["plan", *SELECTION, "--shards", str(SHARDS), *options])
    assert code == 0
    every = yaml.safe_load_all(text.read_text(encoding="utf-8"))
    objects = {each["metadata"]["name"]: each for each in every}
    plan.write_text(objects["matrix-plan"]["data"]["plan.json"], encoding="utf-8")
    return objects


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Give what is left after each index has run: the second was lost once, and begun again."""
    folder = tmp_path_factory.mktemp("cluster")
    client = engine.connect()
    selection = "--kserve 0.13.1 --kserve 0.16.0 --protocol unset"
    image = deployed_images.harness(client, tmp_path_factory.mktemp("image"), selection)
    claim, plan = folder / "claim", folder / "plan" / "plan.json"
    for each in (claim, plan.parent):
        each.mkdir()
    # What fsGroup does for a claim.
    claim.chmod(0o777)
    made = Cluster(client, claim, plan, manifests(plan, image), {}, {})
    whole = ["python", "-m", "matrix", "run", *SELECTION, "--out", "results/whole"]
    with ThreadPoolExecutor(2) as nodes:
        lost = nodes.submit(made.kill, "matrix", LOST, 1)
        running = [nodes.submit(made.complete, index) for index in (0, 2)]
        lost.result()
        running.append(nodes.submit(made.complete, 1))
        for shard in running:
            shard.result()
        said = made.run("matrix", "whole", args=whole)
        assert made.codes["whole"] == 0, said
    return made


def outcomes(run: Run) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Give what a run says of each check, without what differs from time to time."""
    return {
        (*each.key, each.attempt): (
            *(each.verdict, each.expected_verdict, each.binding, each.message),
            *(each.axes, steady_value(each.expected), steady_value(each.observed)),
        )
        for each in run.records
    }


def merged(
    cluster: Cluster, out: Path, pods: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    shards = [str(cluster.shard(pod)) for pod in pods]
    code = cli.main(["merge", "--plan", str(cluster.plan), "--out", str(out), *shards])
    return code, capsys.readouterr().out


def test_every_index_runs_with_what_the_image_holds(cluster: Cluster) -> None:
    assert sorted(cluster.done) == list(range(SHARDS))
    assert cluster.codes[LOST] == _KILLED
    # What failed on the way did so by the machine's fault, and was begun again.
    others = cluster.codes.keys() - {LOST, "whole", *cluster.done.values()}
    assert {cluster.codes[pod] for pod in others} <= {3}


def test_the_indexes_come_to_what_one_machine_comes_to(cluster: Cluster) -> None:
    said = cluster.run("matrix-decide", "matrix-decide-aaaaa")
    one, joined = (
        read(folder / "results.jsonl") for folder in (cluster.claim / "whole", cluster.claim)
    )
    assert outcomes(joined) == outcomes(one)
    assert len(joined.records) >= len(_CELLS)
    for name in ("planned", "locks", "torchserve", "wrapper", "runtime", "commit"):
        assert getattr(joined.header, name) == getattr(one.header, name), name
    assert one.header.commit == deployed_images.COMMIT
    assert not joined.cut_short
    # The attempt that was lost is told, and counts for nothing.
    assert "shard 2 of 3: KServe 0.16.0 was run more than once" in said or (
        "shard 2 of 3: KServe 0.13.1 was run more than once" in said
    )
    assert f"results/shards/{cluster.done[1]}/results.jsonl counts, and not " in said
    assert len(joined.header.shards) == SHARDS


def test_the_decision_is_the_gates_and_is_reported(cluster: Cluster) -> None:
    cluster.run("matrix-decide", "matrix-decide-bbbbb")
    # So few cells are no evidence by the project's policy.
    assert cluster.codes["matrix-decide-bbbbb"] == 3
    for name in ("report.html", "report.md", "gate.intoto.json", "results.jsonl", "junit.xml"):
        assert (cluster.claim / name).stat().st_size > 0


def test_a_lost_index_is_told(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [cluster.done[0], cluster.done[2]]
    code, said = merged(cluster, tmp_path, others, capsys)
    assert code == 3
    assert re.search(r"^shard 2 of 3: KServe .* is absent, with \d cells?$", said, re.MULTILINE)
    code, said = merged(cluster, tmp_path, [*others, LOST], capsys)
    assert code == 3
    assert f"{LOST}/results.jsonl: the run started " in said
    assert "was cut short after 0 of " in said


def test_an_index_that_ran_twice_counts_once(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pods = [cluster.done[index] for index in range(SHARDS)]
    code, said = merged(cluster, tmp_path, pods, capsys)
    assert (code, "more than once" in said) == (0, False)
    once = read(tmp_path / "results.jsonl")
    code, said = merged(cluster, tmp_path, [*pods, LOST, pods[1]], capsys)
    assert code == 0
    assert said.count("was run more than once") == 2
    assert outcomes(read(tmp_path / "results.jsonl")) == outcomes(once)
