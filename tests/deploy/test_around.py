"""What stands around the pods: who may reach them, and who watches them.

A NetworkPolicy is a core kind, which a maintained validator knows. None knows PodMonitor, a kind
of the Prometheus operator: its fields are listed here, and what it comes to is worked out as
Prometheus does it, for the targets that service discovery makes of a pod.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests import kubernetes_schemas
from tests.deploy import manifests
from tests.deploy.manifests import FOLDER, MODES, PROTOCOLS, Manifest

POLICIES = manifests.read(FOLDER / "network" / "network-policy.yaml")
(MONITOR,) = manifests.read(FOLDER / "monitoring" / "pod-monitor.yaml")

# Of TorchServe itself: inference and management in KServe's examples, in its own defaults but for
# those that are the wrapper's here, and gRPC's two.
TORCHSERVES_PORTS = {8085, 7070, 7071}
WRAPPERS_PORTS = {8080, 8081}
METRICS = 8082

# https://prometheus-operator.dev/docs/api-reference/api/: the fields that are used, and their types
MONITOR_FIELDS: dict[str, Any] = {
    "selector": {"matchLabels": dict},
    "podTargetLabels": list,
    "podMetricsEndpoints": [
        {
            "path": str,
            "relabelings": [
                {
                    "sourceLabels": list,
                    "regex": str,
                    "targetLabel": str,
                    "replacement": str,
                    "action": str,
                }
            ],
        }
    ],
}


def reached(policies: list[Manifest], namespace: str, pods_labels: Mapping[str, str]) -> set[int]:
    """Give the ports of a pod that one of another namespace reaches."""
    ports: set[int] = set()
    for policy in policies:
        if chosen(policy["spec"]["podSelector"], pods_labels):
            for rule in policy["spec"]["ingress"]:
                if "from" not in rule or any(
                    chosen(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
                    for peer in rule["from"]
                ):
                    ports |= {each["port"] for each in rule["ports"]}
    return ports


def chosen(selector: Manifest, labels: Mapping[str, str]) -> bool:
    exists = [each["key"] for each in selector.get("matchExpressions", ())]
    wanted = selector.get("matchLabels", {})
    return wanted.items() <= labels.items() and labels.keys() >= set(exists)


def labels_of(mode: str, protocol: str) -> dict[str, str]:
    """Give the labels of a service's pods: KServe hands on the service's own."""
    labels = dict(manifests.one(mode, protocol)["metadata"]["labels"])
    if mode == "serverless":
        labels["serving.knative.dev/revision"] = f"torchserve-{protocol}-00001"
    return labels


@pytest.mark.parametrize("version", kubernetes_schemas.VERSIONS)
def test_the_policies_are_valid(version: str) -> None:
    for policy in POLICIES:
        kubernetes_schemas.validate(policy, version)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda spec: spec.update(podselector=spec.pop("podSelector")),
        lambda spec: spec.update(ingress=spec["ingress"][0]),
        lambda spec: spec["ingress"][0].update(port=8080),
        lambda spec: spec["podSelector"].update(matchlabels={}),
    ],
)
def test_what_is_not_valid_would_be_seen(spoil: Callable[[Any], None]) -> None:
    policy = copy.deepcopy(POLICIES[0])
    spoil(policy["spec"])
    assert not kubernetes_schemas.is_valid(policy)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_torchserves_own_ports_are_nobodys(mode: str, protocol: str) -> None:
    labels = labels_of(mode, protocol)
    for namespace in ("default", "monitoring", "knative-serving"):
        assert not reached(POLICIES, namespace, labels) & TORCHSERVES_PORTS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_raw_pod_answers_on_the_wrappers_ports_and_prometheus_on_one_more(protocol: str) -> None:
    labels = labels_of("raw", protocol)
    assert reached(POLICIES, "default", labels) == WRAPPERS_PORTS
    assert reached(POLICIES, "monitoring", labels) == WRAPPERS_PORTS | {METRICS}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_serverless_pod_answers_knative_too(protocol: str) -> None:
    labels = labels_of("serverless", protocol)
    requests = {8012, 8013, 8112}
    assert reached(POLICIES, "default", labels) == WRAPPERS_PORTS | requests
    scaling = {8022, 9090, 9091}
    assert reached(POLICIES, "knative-serving", labels) == WRAPPERS_PORTS | requests | scaling


def test_pods_of_others_are_left_alone() -> None:
    assert not reached(POLICIES, "default", {"app": "other"})
    assert not chosen(MONITOR["spec"]["selector"], {"app": "other"})


def misfits(value: Any, fields: Any, place: str = "spec") -> Iterator[str]:
    if isinstance(fields, dict) and isinstance(value, dict):
        for name, member in value.items():
            if name in fields:
                yield from misfits(member, fields[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}"
    elif isinstance(fields, list) and isinstance(value, list):
        for index, member in enumerate(value):
            yield from misfits(member, fields[0], f"{place}[{index}]")
    elif not isinstance(fields, type) or not isinstance(value, fields):
        yield place


def test_the_monitor_has_the_operators_fields() -> None:
    assert (MONITOR["apiVersion"], MONITOR["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    assert list(misfits(MONITOR["spec"], MONITOR_FIELDS)) == []


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda spec: spec.update(endpoints=[]), "spec.endpoints"),
        (
            lambda spec: spec["podMetricsEndpoints"][1].update(Path="/metrics"),
            "spec.podMetricsEndpoints[1].Path",
        ),
        (
            lambda spec: spec["podMetricsEndpoints"][0]["relabelings"][1].update(
                sourceLabels="__meta_kubernetes_pod_ip"
            ),
            "spec.podMetricsEndpoints[0].relabelings[1].sourceLabels",
        ),
        (lambda spec: spec.update(selector={"app": "x"}), "spec.selector.app"),
    ],
)
def test_another_field_would_be_seen(spoil: Callable[[Any], None], place: str) -> None:
    spec = copy.deepcopy(MONITOR["spec"])
    spoil(spec)
    assert list(misfits(spec, MONITOR_FIELDS)) == [place]


# What Prometheus's discovery of the role "pod" finds: a target for each port of each container.
Target = dict[str, str]
CONTAINERS = {
    "raw": (("kserve-container", "8080"),),
    "raw, gRPC": (("kserve-container", "8081"),),
    "serverless": (
        ("kserve-container", "8080"),
        ("queue-proxy", "8012"),
        ("queue-proxy", "8022"),
        ("queue-proxy", "9091"),
    ),
    "with a sidecar": (("istio-proxy", "15090"), ("kserve-container", "8080")),
}


def relabeled(target: Target, rules: list[Manifest]) -> Target | None:
    """Do what Prometheus does with a target's labels; None where the target is dropped."""
    labels = dict(target)
    for rule in rules:
        value = ";".join(labels.get(each, "") for each in rule["sourceLabels"])
        found = re.fullmatch(rule["regex"], value)
        if rule.get("action") == "keep":
            if not found:
                return None
        elif found:
            template = re.sub(r"\$(\d)", r"\\\1", rule["replacement"])
            labels[rule["targetLabel"]] = found.expand(template)
    return labels


@pytest.mark.parametrize("containers", CONTAINERS)
@pytest.mark.parametrize(("ip", "host"), [("10.1.2.3", "10.1.2.3"), ("fd00::7", "[fd00::7]")])
def test_both_endpoints_of_a_pod_are_scraped_once(containers: str, ip: str, host: str) -> None:
    scraped = []
    for endpoint in MONITOR["spec"]["podMetricsEndpoints"]:
        for container, port in CONTAINERS[containers]:
            target = {
                "__address__": f"{host}:{port}",
                "__meta_kubernetes_pod_ip": ip,
                "__meta_kubernetes_pod_container_name": container,
            }
            kept = relabeled(target, endpoint["relabelings"])
            if kept is not None:
                scraped.append(f"{kept['__address__']}{endpoint['path']}")
    assert scraped == [f"{host}:8080/metrics", f"{host}:{METRICS}/metrics"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pods_are_the_monitors(mode: str, protocol: str) -> None:
    assert chosen(MONITOR["spec"]["selector"], labels_of(mode, protocol))
