"""The options that say what is judged, the same for the command and for pytest."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kserve_conformance import VERSION
from kserve_conformance.asking import given_headers
from kserve_conformance.asking.access import Access
from kserve_conformance.asking.http_client import TIMEOUT
from kserve_conformance.asking.target import Target, TargetError, read_payloads
from kserve_conformance.catalogue import PROFILES


def add(add_option: Callable[..., Any]) -> None:
    """Add the options to a parser of argparse or a group of pytest, by its adding method."""
    add_target(add_option)
    add_option(
        "--not-ready-model",
        metavar="NAME",
        help="A model that the server knows and that isn't ready; else one is looked for in the "
        "repository's index.",
    )
    add_option(
        "--spare-model",
        metavar="NAME",
        help="A model that the suite may unload and load again; without it none is.",
    )
    add_option(
        "--suite-version",
        default=VERSION,
        metavar="VERSION",
        help=f"The version whose requirements the claim is made by (default: {VERSION}).",
    )


def add_target(add_option: Callable[..., Any]) -> None:
    """Add those of the options that say which server is asked, and which model."""
    add_option(
        "--target",
        metavar="URL",
        help="The server's REST routes: http://HOST:PORT or https://HOST:PORT, with the path "
        "before /v1 and /v2 where an ingress has one.",
    )
    add_option(
        "--grpc-target",
        metavar="HOST:PORT",
        help="Its gRPC service, where it has one; grpcs://HOST:PORT over TLS.",
    )
    _add_access(add_option)
    add_option("--model", metavar="NAME", help="The model to ask.")
    add_option(
        "--profile",
        action="append",
        choices=(*PROFILES, "all"),
        help="What the server claims to offer, and is judged by; may be given more than once. "
        "Without it, or with all: whatever it is seen to offer.",
    )
    add_option(
        "--payloads",
        type=Path,
        metavar="FILE",
        help='Sample requests as JSON, {"v1": {"instances": ...}, "v2": {"inputs": ...}}, for a '
        "model whose metadata don't describe its inputs.",
    )
    add_option(
        "--answer-timeout",
        type=_seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help=f"How long an answer may take (default: {TIMEOUT:.0f}); more for a slow model.",
    )


def _add_access(add_option: Callable[..., Any]) -> None:
    """Add those that say how it is reached."""
    add_option(
        "--header",
        action="append",
        metavar="'NAME: VALUE'",
        help="Send this with every request, gRPC's too; may be given more than once. Host is also "
        "gRPC's :authority, and the name that a certificate has to be for.",
    )
    add_option(
        "--header-file",
        type=Path,
        metavar="FILE",
        help="Lines of NAME: VALUE to send with every request, as --header, for secrets such as "
        "tokens and cookies: their values are written nowhere.",
    )
    add_option(
        "--ca",
        type=Path,
        metavar="FILE",
        help="Certificates in PEM to trust, in the place of those that everybody trusts.",
    )
    add_option("--cert", type=Path, metavar="FILE", help="A client's certificate, in PEM.")
    add_option(
        "--key", type=Path, metavar="FILE", help="Its key, in PEM, where --cert doesn't hold it."
    )
    add_option(
        "--proxy",
        metavar="URL",
        help="Ask through this proxy, http://HOST:PORT, which has to open tunnels (CONNECT). None "
        "of the environment's is used.",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return seconds


def target_of(namespace: argparse.Namespace) -> Target:
    """Make the target that the options describe; a `TargetError` says what is missing."""
    if not namespace.target:
        raise TargetError("--target is missing: say where the server is, such as http://HOST:PORT")
    if not namespace.model:
        raise TargetError("--model is missing: name the model to ask")
    asked = namespace.profile or ["all"]
    claimed = frozenset(profile for profile in asked if profile != "all")
    profiles = tuple(each for each in PROFILES if "all" in asked or each in claimed)
    return Target(
        url=namespace.target,
        model=namespace.model,
        grpc=namespace.grpc_target,
        profiles=profiles,
        claimed=claimed,
        timeout=namespace.answer_timeout,
        payloads=read_payloads(namespace.payloads) if namespace.payloads else {},
        payloads_file=namespace.payloads,
        not_ready_model=getattr(namespace, "not_ready_model", None),
        spare_model=getattr(namespace, "spare_model", None),
        access=Access(
            headers=given_headers.read(namespace.header or (), namespace.header_file),
            ca=namespace.ca,
            cert=namespace.cert,
            key=namespace.key,
            proxy=namespace.proxy,
        ),
    )
