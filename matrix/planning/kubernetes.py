"""A plan as a cluster runs it: a Job with an index for each shard, and a Job that decides.

What is here needs Kubernetes 1.29 or later, the first that has `backoffLimitPerIndex` on by itself.
Plain Kubernetes has no Job that waits for another, so the one that decides is made suspended;
docs/ci/kubernetes.md says how it is resumed, and why it doesn't wait by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from matrix.planning import plan_file
from matrix.planning.counted import many
from matrix.planning.plan import PlanError
from matrix.planning.plan_file import PlanFile
from matrix.planning.shards import JOBS

# A pod's name is the Job's with an index of up to five digits and six letters more; a host's name
# has 63 letters.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
# A ConfigMap holds 1 MiB, the names of its keys included.
_MOST_OF_CONFIG_MAP = 1024 * 1024 - 1024

_MATRIX = ["python", "-m", "matrix"]
# Where the image has the harness, and what the pods put into it.
_RESULTS = "/harness/results"
_PLAN = "/plan/plan.json"
# A folder for each pod, by its name: one that was begun again never writes into what is there.
_SHARDS = "results/shards"
# The image's own user: the claim is made his by fsGroup.
_USER = 1000

# So often a shard is begun again whose machine or harness failed.
_RETRIES = 1
# A pod that takes longer hangs: than so many times what its shard is to take, and than an hour.
_PATIENCE = 4
_LEAST_SECONDS = 3600

# The commands stop where one fails, but for merge and gate: what the run came to is the gate's to
# say, and a red result is reported, too. Results of an earlier try must not be judged.
_DECIDE = f"""\
rm -f results/results.jsonl
python -m matrix merge {_SHARDS} --plan {_PLAN} || true
test -s results/results.jsonl || exit 3
decided=0
python -m matrix gate --attest results/gate.intoto.json || decided=$?
python -m matrix report || test $decided -ne 0 || decided=3
exit $decided
"""

_HEADER = """\
# The matrix over a cluster, in {shards}: docs/ci/kubernetes.md.
#   kubectl create -f THIS-FILE
#   until kubectl get job {name} -o 'jsonpath={{.status.conditions[*].type}}' |
#       grep -Ew 'Complete|Failed'; do sleep 10; done
#   kubectl patch job {name}-decide --patch '{{"spec": {{"suspend": false}}}}'
"""


@dataclass(frozen=True)
class Cluster:
    """What a plan doesn't know of a cluster.

    Attributes:
        image: that of the harness, as deploy/harness/Dockerfile makes it.
        name: what all objects are named after; it is part of each label and each pod's name.
        claim: the volume claim that holds the results; None for one that is made along.
    """

    image: str
    name: str
    claim: str | None

    def __post_init__(self) -> None:
        """Refuse what no object can be named.

        Raises:
            PlanError: says what a name is made of.
        """
        if not _NAME.fullmatch(self.name):
            raise PlanError(
                f"--name {self.name}: use up to 40 small letters, digits and '-', the first of "
                "them a letter, the last no '-'"
            )


def manifests(planned: PlanFile, cluster: Cluster) -> str:
    """Give the objects that run a plan, as ``kubectl create`` takes them.

    Raises:
        PlanError: when the plan has shards in containers, or is too large for a ConfigMap.
    """
    if any(shard.runtime != "process" for shard in planned.shards):
        raise PlanError(
            "--format kubernetes: a pod has no container engine; plan for TorchServe as a process, "
            "with --runtime process"
        )
    text = plan_file.as_json(planned)
    size = len(text.encode())
    if size > _MOST_OF_CONFIG_MAP:
        raise PlanError(
            f"--format kubernetes: the plan has {size} bytes, and a ConfigMap takes "
            f"{_MOST_OF_CONFIG_MAP}: plan fewer cells"
        )
    objects = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(cluster, "plan"),
            "immutable": True,
            "data": {"plan.json": text},
        },
        *([] if cluster.claim else [_claim(cluster)]),
        _shards(planned, cluster),
        _decision(cluster),
    ]
    header = _HEADER.format(name=cluster.name, shards=many(len(planned.shards), "shard"))
    documents = (yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=100) for each in objects)
    return header + "---\n" + "---\n".join(documents)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and what occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _as_it_is(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _as_it_is)


def _claim(cluster: Cluster) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(cluster, "results"),
        "spec": {
            # Shards run on several nodes.
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def _shards(planned: PlanFile, cluster: Cluster) -> dict[str, Any]:
    arguments = [
        *_MATRIX,
        *("run", "--plan", _PLAN, "--index", "$(JOB_COMPLETION_INDEX)"),
        *("--out", f"{_SHARDS}/$(POD_NAME)"),
    ]
    if not any("--jobs" in shard.arguments for shard in planned.shards):
        # A pod sees all processors of its node, and is given two.
        arguments += ["--jobs", str(JOBS)]
    container = {
        # A verdict against the wrapper (1) is for the gate to judge, and no failure of a pod.
        "command": ["tini", "-e", "1", "--"],
        "args": arguments,
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {
            "requests": {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "1Gi"},
            "limits": {"memory": "8Gi", "ephemeral-storage": "4Gi"},
        },
    }
    count = len(planned.shards)
    spec = {
        "completionMode": "Indexed",
        "completions": count,
        "parallelism": count,
        "backoffLimitPerIndex": _RETRIES,
        # The others go on: what they found is judged, and the gate says what is missing.
        "maxFailedIndexes": count,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                # Wrong usage (2) fails each index alike, and fails again.
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": "matrix",
                        "operator": "In",
                        "values": [2],
                    },
                },
                # A pod that the cluster took away is none of the tries.
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            ]
        },
    }
    longest = max(shard.seconds for shard in planned.shards)
    deadline = max(_LEAST_SECONDS, round(_PATIENCE * longest))
    return _job(cluster, "", container, spec, {"activeDeadlineSeconds": deadline})


def _decision(cluster: Cluster) -> dict[str, Any]:
    container = {
        "command": ["tini", "--"],
        "args": ["sh", "-ec", _DECIDE],
        "resources": {
            "requests": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "256Mi"},
            "limits": {"memory": "2Gi", "ephemeral-storage": "1Gi"},
        },
    }
    # The same results get the same decision: there is nothing to try again.
    spec = {"suspend": True, "backoffLimit": 0}
    return _job(cluster, "decide", container, spec, {"activeDeadlineSeconds": 900})


def _job(
    cluster: Cluster,
    part: str,
    container: dict[str, Any],
    spec: dict[str, Any],
    pod: dict[str, Any],
) -> dict[str, Any]:
    """Give a Job of one container, as the Pod Security Standard ``restricted`` wants it."""
    metadata = _metadata(cluster, part)
    claim = cluster.claim or _metadata(cluster, "results")["name"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            **spec,
            "template": {
                "metadata": {"labels": metadata["labels"]},
                "spec": {
                    "restartPolicy": "Never",
                    **pod,
                    # A variable of a Service's, such as TS_PORT, would change what TorchServe does.
                    "enableServiceLinks": False,
                    "automountServiceAccountToken": False,
                    # What the locks are made for.
                    "nodeSelector": {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"},
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _USER,
                        "runAsGroup": _USER,
                        "fsGroup": _USER,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "matrix",
                            "image": cluster.image,
                            **container,
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [
                                {"name": "plan", "mountPath": "/plan", "readOnly": True},
                                {"name": "results", "mountPath": _RESULTS},
                                {"name": "tmp", "mountPath": "/tmp"},
                            ],
                        }
                    ],
                    "volumes": [
                        {
                            "name": "plan",
                            "configMap": {"name": _metadata(cluster, "plan")["name"]},
                        },
                        {"name": "results", "persistentVolumeClaim": {"claimName": claim}},
                        {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
                    ],
                },
            },
        },
    }


def _metadata(cluster: Cluster, part: str) -> dict[str, Any]:
    return {
        "name": f"{cluster.name}-{part}" if part else cluster.name,
        "labels": {
            "app.kubernetes.io/name": "torchserve-kserve-harness",
            "app.kubernetes.io/instance": cluster.name,
        },
    }
