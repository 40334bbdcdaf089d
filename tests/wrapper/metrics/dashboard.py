"""Reads what the Grafana dashboard asks Prometheus for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser

PATH = Path(__file__).resolve().parents[3] / "deploy" / "grafana" / "torchserve-kserve-wrapper.json"

# What Grafana puts in for its variables, when all models are chosen.
_VARIABLES = {"$__rate_interval": "5m", "$model": ".*"}
_LABEL_VALUES = re.compile(r"label_values\((?P<metric>\w+), (?P<label>\w+)\)")


@dataclass(frozen=True)
class Selected:
    """Time series that a query wants.

    Attributes:
        metric: their name.
        labels: what each of their labels has to match, by the label's name, negated or not.
        kept: the labels by which the query keeps them apart.
    """

    metric: str
    labels: tuple[tuple[str, re.Pattern[str], bool], ...]
    kept: frozenset[str]


def load() -> Any:
    """Give the dashboard's document."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def expressions(document: Any) -> Iterator[str]:
    """Give the PromQL of every panel, with Grafana's variables filled in."""
    for panel in document["panels"]:
        for target in panel["targets"]:
            yield filled(target["expr"])


def filled(text: str) -> str:
    """Put in for Grafana's variables what it would."""
    for name, value in _VARIABLES.items():
        text = text.replace(name, value)
    return text


def label_values(document: Any) -> Iterator[Selected]:
    """Give what the choices of the dashboard's variables are made from."""
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert found is not None, variable
            yield Selected(found["metric"], (), frozenset({found["label"]}))


def selected(expression: str) -> Iterator[Selected]:
    """Give the time series that an expression of PromQL wants.

    Raises:
        ValueError: when it is no PromQL, names no metric, or sums over a label that it needs.
    """
    yield from _within(promql_parser.parse(expression), frozenset())


def _within(node: Any, kept: frozenset[str]) -> Iterator[Selected]:
    if isinstance(node, promql_parser.AggregateExpr):
        by = frozenset(node.modifier.labels if node.modifier is not None else ())
        # What is asked of the sum has to be among what it keeps.
        if not kept <= by:
            raise ValueError(f"{node} loses {', '.join(sorted(kept - by))}")
        yield from _within(node.expr, by)
    elif isinstance(node, promql_parser.Call):
        needed = frozenset({"le"}) if node.func.name == "histogram_quantile" else frozenset()
        for each in node.args:
            yield from _within(each, kept | needed)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _within(node.lhs, kept)
        yield from _within(node.rhs, kept)
    elif isinstance(node, (promql_parser.ParenExpr, promql_parser.UnaryExpr)):
        yield from _within(node.expr, kept)
    elif isinstance(node, promql_parser.MatrixSelector):
        yield from _within(node.vector_selector, kept)
    elif isinstance(node, promql_parser.VectorSelector):
        if node.name is None:
            raise ValueError(f"{node} names no metric")
        yield Selected(node.name, tuple(_matchers(node)), kept)
    else:
        assert isinstance(node, (promql_parser.NumberLiteral, promql_parser.StringLiteral)), node


def _matchers(node: Any) -> Iterator[tuple[str, re.Pattern[str], bool]]:
    ops = promql_parser.MatchOp
    assert not node.matchers.or_matchers
    for each in node.matchers.matchers:
        text = each.value if each.op in (ops.Re, ops.NotRe) else re.escape(each.value)
        yield each.name, re.compile(text), each.op in (ops.NotEqual, ops.NotRe)
