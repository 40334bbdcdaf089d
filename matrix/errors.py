"""The matrix's part of the tree of errors. Its bases and exit codes: `kserve_conformance.errors`.

Each has the step that raises it, and under each base they stand in the order in which a command
comes to the steps::

    WrongUsage                     exit code 2
        BisectError                options: a bisection that can't be told from what was given
        DeskError                  options: a pod that nobody deploys, a file that is no model
        SubjectError               options: a wrapper's command that is none, or an image that has
                                   not what is asked for, or can't be given it
        RequirementError           options: a wrapper's requirements that no lock can hold
        ReplayError                results: a cell or a check that can't be replayed from these
        AxesError                  planning: a point that is on no axis of axes.toml
        RosterError                planning: a peer that peers.toml doesn't have
        PlanError                  planning: options that contradict each other, or leave nothing
        ComparisonError            judging: results that have nothing to compare
        GateError                  judging: results that can't be judged together
        UpgradeError               judging: results that can't answer for two releases
    NotKnown                       exit code 3
        LockError                  environments: a lock that can't be made, or had as it was
        UvFailed                   environments: a run of uv that failed
        PortError                  running: ports that aren't free
        ForkServerLost             running: a fork server that ended before what it started
        HarnessError               running: what the harness needs itself and couldn't start
        ReferenceMissingError      running: TorchServe's own answer, which isn't there
        Interrupted                running: a run that was broken off
        Unjudged                   judging: an end of a bisection that isn't judged
    TorchServeError                exit code 3; the fixtures import nothing of the suite
        RuntimeUnavailable         running: a machine that lacks what a runtime needs
        WorkerCrashed              running: a model's worker that crashes at each start

What of these is raised in a check becomes the check's verdict instead: see
`kserve_conformance.results.judgement`.
"""

from __future__ import annotations

from kserve_conformance.errors import NotKnown

from fixtures.torchserve import TorchServeError

NOT_KNOWN = (NotKnown, TorchServeError, OSError)
