"""Builds what is served from the settings and hands it to the installed SDK."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from kserve import model_server

from wrapper import forking, ports, sdk
from wrapper.front import Front, MetricsFront
from wrapper.metrics import processes
from wrapper.model import TorchServeModel
from wrapper.sdk import histograms
from wrapper.sdk.listening import on_all_addresses
from wrapper.sdk.part import Part
from wrapper.settings import Settings, SettingsError
from wrapper.tls import Files
from wrapper.torchserve import unloaded
from wrapper.torchserve.service import TorchServe
from wrapper.torchserve.unloaded import Unloaded
from wrapper.torchserve.watching.folder import SharedFolder
from wrapper.workers import Job, Workers

# Long enough for a TorchServe that runs, so that the first request finds the model
# ready; a TorchServe that is still starting is waited for in the background.
_FIRST_ANSWER = 1.0

# The SDK has this option since 0.18.
_KEEP_ALIVE = "timeout_keep_alive"

logger = logging.getLogger("wrapper")


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Serve until the process is told to stop.

    Raises:
        SettingsError: when one of its ports is TorchServe's, too, or somebody else's, when its
            processes have no folder to count requests in, or are none, or when TLS is asked for
            that can't be served.
    """
    options = _parser(settings).parse_known_args(arguments)[0]
    number = sdk.processes_for_rest(options.workers)
    settings = dataclasses.replace(settings, keep_alive_timeout=options.timeout_keep_alive)
    tls = Files(options.ssl_certfile or None, options.ssl_keyfile or None)
    tls.check(sdk.serves_tls(), sdk.version())
    http_port = sdk.http_port(options.http_port, tls.is_asked_for())
    own = {"--http_port": http_port}
    if sdk.has_grpc():
        own["--grpc_port"] = options.grpc_port
    clash = ports.clash(own, settings)
    if clash is not None:
        raise SettingsError(clash)
    _log_to_stderr()
    logger.info("KServe SDK %s; %s", sdk.version(), settings.summary())
    advice = settings.metrics_advice()
    if advice is not None:
        logger.log(logging.WARNING if settings.torchserve_metrics else logging.INFO, advice)
    if number > 1:
        forking.is_ahead()
    shared: SharedFolder | None = None
    if settings.metrics_folder is not None or number > 1:
        try:
            shared = SharedFolder(processes.count_together(settings.metrics_folder))
        except processes.NoFolderError as error:
            raise SettingsError(str(error)) from None
    kept = unloaded.file_for(str(settings.management))
    torchserve = TorchServe(settings, Unloaded(kept), shared)
    # TorchServe answers while the rest is imported and the SDK starts.
    torchserve.readiness.begin()
    installed = sdk.installed()
    if options.bare_sdk:
        installed.put_before(MetricsFront(torchserve))
    else:
        front = Front(torchserve, histograms.stages)
        installed.put_before(front)
        installed.put_before_grpc(front)
    server = installed.make_server(settings.grace_period)
    for name in settings.models:
        # Registered here and not by start(), which since 0.14 leaves out, for ever, the
        # models that are not ready yet, and ends the process when none is.
        server.register_model(TorchServeModel(name, settings.protocol, torchserve))
    # Now, so that nothing is begun where somebody else has the port.
    listening = on_all_addresses(http_port)
    serve = functools.partial(_serve, installed, server, torchserve)
    if number == 1:
        serve(Part.ALL)
        return
    jobs = [Job("REST", functools.partial(serve, Part.REST), listens=True)] * number
    if sdk.serves_grpc():
        jobs.append(Job("gRPC", functools.partial(serve, Part.GRPC), listens=False))
    sys.exit(Workers(jobs, listening, settings.grace_period).run())


def _serve(installed: sdk.Sdk, server: Any, torchserve: TorchServe, part: Part) -> None:
    """Serve in this process until it is told to stop."""
    if part == Part.REST:
        sdk.wait_for_grpc()
    torchserve.readiness.wait_for_first_answer(_FIRST_ANSWER)
    installed.serve(server, part)


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wrapper", parents=[model_server.parser])
    if parser.get_default(_KEEP_ALIVE) is None:
        parser.add_argument(
            "--timeout-keep-alive",
            type=float,
            help="Seconds that a connection rests before it is closed, as from SDK 0.18 on.",
        )
    parser.set_defaults(**{_KEEP_ALIVE: settings.keep_alive_timeout})
    if not sdk.serves_tls():
        # Refused where they ask for what isn't served, and not passed over.
        tls = Files.from_environment(os.environ)
        parser.add_argument("--ssl_certfile", default=tls.certificate, help=argparse.SUPPRESS)
        parser.add_argument("--ssl_keyfile", default=tls.key, help=argparse.SUPPRESS)
    parser.add_argument(
        "--bare-sdk",
        action="store_true",
        help="Let the KServe SDK answer inference requests too, without the wrapper's front.",
    )
    return parser


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s wrapper %(levelname)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
