"""The conformance suite, by the address of the cell's wrapper only."""

from __future__ import annotations

from kserve_conformance import catalogue
from kserve_conformance.asking.target import Target
from kserve_conformance.catalogue import Level
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.session import Session

from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.running import late_model
from matrix.running.launch import RunningWrapper
from matrix.running.timing import Moment
from matrix.running.worker import Stage


def test_conformance(
    wrapper: RunningWrapper,
    plan: Plan,
    cell: Cell,
    outcomes: list[tuple[Outcome, Moment]],
    stage: Stage,
    exhibit: Exhibit,
) -> None:
    statements = [catalogue.load()[name] for name in plan.statements_of(cell)]
    profiles = tuple(dict.fromkeys(each.profile for each in statements))
    target = Target(
        wrapper.url,
        model="contract",
        grpc=f"127.0.0.1:{wrapper.grpc_port}" if "grpc" in profiles else None,
        profiles=profiles,
        claimed=frozenset(profiles),
        # The cell's own model is configured, and TorchServe doesn't have it yet.
        not_ready_model=late_model.name_of(cell),
    )
    with Session(target) as session:
        for statement in statements:
            watch = stage.watch(cell)
            outcomes.append((session.judge(statement), watch.moment()))
    departures = [
        f"{each.statement.id}: {each.judgement.message}"
        for each, _ in outcomes
        if each.statement.level is Level.MUST and not _is_kept(each, plan, cell)
    ]
    exhibit.equal(departures, [], "MUSTs that the wrapper doesn't keep")


def _is_kept(outcome: Outcome, plan: Plan, cell: Cell) -> bool:
    if outcome.judgement.verdict is Verdict.UNSUPPORTED:
        # What can't be judged isn't kept, unless expectations.toml says why it can't.
        return plan.expected_verdict(cell, outcome.statement.id) is Verdict.UNSUPPORTED
    return outcome.judgement.verdict is Verdict.PASSED
