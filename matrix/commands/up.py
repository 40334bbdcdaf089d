"""``python -m matrix up``: a pod on the desk, as a control plane deploys it, until Ctrl-C."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from pathlib import Path

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.verdict import SubjectFailed

from fixtures import torchserve
from matrix.commands.output import fail, make_console, say
from matrix.desk import served, standing, trying
from matrix.desk.deployment import Deployment
from matrix.desk.served import Served
from matrix.desk.standing import Standing, Wanted
from matrix.desk.trying import Line
from matrix.environments.provision import provision
from matrix.planning import axes, expectations
from matrix.planning.cells import Cell
from matrix.planning.control_planes import DECLARED, RuntimeKind
from matrix.planning.options import RUNTIMES
from matrix.planning.subject import Subject
from matrix.running import ports
from matrix.running.starting import Say


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``up``."""
    parser = subparsers.add_parser(
        "up",
        help="Start one pod as a control plane of KServe deploys it, with lines to try.",
        description="Starts TorchServe and the wrapper with what the control plane of a KServe "
        "release writes into the pod of an InferenceService, and prints that, and a line for each "
        "protocol with the answer that it got. Ctrl-C ends all of it.",
        epilog="Exit codes: 0 it was ended; 1 the wrapper has ended by itself, or doesn't start; "
        "2 wrong usage; 3 TorchServe has, or something else is missing.",
    )
    parser.add_argument(
        "--control-plane",
        metavar="RELEASE",
        help="KServe in the cluster: a release, newest, or after-removal, which has no TorchServe "
        "runtime (default: the release of --kserve).",
    )
    parser.add_argument(
        "--protocol-version",
        choices=DECLARED,
        default="v2",
        help="The InferenceService's protocolVersion (default: v2).",
    )
    parser.add_argument(
        "--serving-runtime",
        choices=[kind.value for kind in RuntimeKind],
        help="Its ServingRuntime: "
        + "; ".join(f"{kind}, {kind.in_words}" for kind in RuntimeKind)
        + " (default: stock, where there is one).",
    )
    parser.add_argument(
        "--kserve",
        metavar="RELEASE",
        default="newest",
        help="The KServe SDK in the image (default: newest).",
    )
    parser.add_argument("--torchserve", metavar="RELEASE", help="The TorchServe in the image.")
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help="As for run.")
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--model", choices=served.NAMES, default=served.NAMES[0])
    model.add_argument(
        "--mar", type=Path, metavar="FILE", help="Serve the model of this archive instead."
    )
    parser.add_argument(
        "--ports", metavar="HTTP,GRPC", help="Where to listen, as 8080,8081 (default: any free)."
    )
    parser.add_argument(
        "--start-timeout",
        type=float,
        default=torchserve.START_TIMEOUT,
        metavar="SECONDS",
        help="How long TorchServe, and then the wrapper, may take to be ready "
        "(default: %(default).0f).",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    tell = functools.partial(say, make_console())
    # What can't be is told before anything is made.
    known = axes.load()
    release, plane = known.resolved((arguments.kserve, arguments.control_plane or arguments.kserve))
    known.release(release)
    kind = arguments.serving_runtime and RuntimeKind(arguments.serving_runtime)
    deployment = Deployment.asked(plane, arguments.protocol_version, kind, known)
    behind = known.torchserve_release(arguments.torchserve or known.default_torchserve)
    of_user = arguments.mar is not None
    model = served.of_archive(arguments.mar) if of_user else served.of_fixtures(arguments.model)
    subject = Subject.described(None, None, None, ports=arguments.ports)
    ports.of(subject)
    runtime = torchserve.available_runtime(arguments.runtime)
    for line in (*torchserve.sweep(), *deployment.lines()):
        tell(line)
    tell(
        f"starting, in the place of that image, TorchServe {behind} ({runtime}) with {model.name}, "
        f"and this wrapper on the SDK of KServe {release}"
    )
    python = provision(release).python
    wanted = Wanted(
        deployment.pod, model, subject, python, behind, runtime, arguments.start_timeout
    )
    cell = Cell(release, *known.arrived_at(deployment.pod), behind, runtime)
    try:
        with standing.pod(wanted) as here:
            return _until_it_ends(here, model, cell, tell)
    except SubjectFailed as error:
        return fail(error, ExitCode.AGAINST_SUBJECT)


def _until_it_ends(here: Standing, model: Served, cell: Cell, tell: Say) -> ExitCode:
    """Tell what to try, wait until somebody ends the pod or it ends by itself, and judge that."""
    try:
        behind = here.torchserve.instance.endpoints
        tell(
            f"ready: REST at {here.wrapper.url}, gRPC at {here.grpc}; TorchServe itself at "
            f"http://{behind.host}:{behind.inference}; /mnt/models is {here.models}"
        )
        for line in trying.lines(model, here.wrapper.url, here.grpc):
            for told in ("", f"{line.protocol}:", line.command, *_answers(line, cell)):
                tell(told)
        tell("")
        tell("Ctrl-C ends all of it")
        end = standing.watch(here.torchserve, here.wrapper)
    except KeyboardInterrupt:
        tell("ending both")
        return ExitCode.AS_EXPECTED
    return fail(f"{end.what}; its last lines:\n{end.last_lines}", end.exit_code)


def _answers(line: Line, cell: Cell) -> Iterator[str]:
    """Ask what a line asks, and say what came of it."""
    if line.ask is None:
        words = ", ".join(line.placeholders)
        yield f"  to be filled in: {words}, since it isn't known here what the model takes"
        return
    said = line.ask()
    yield f"  answered: {said.text}{_RIGHT[said.right]}"
    if said.right is None and line.protocol == "gRPC" and _lacks_grpc(cell):
        yield f"  since the SDK of KServe {cell.kserve} has no gRPC server"


_RIGHT = {True: " - right", False: " - WRONG", None: ""}


def _lacks_grpc(cell: Cell) -> bool:
    expected = expectations.load()
    point = expected.point(cell.axes(), constructor_known=True)
    return expected.exception_at("grpc-infer", point) is not None
