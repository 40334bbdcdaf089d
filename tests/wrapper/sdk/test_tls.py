"""TLS where the SDK serves it, and a refusal where it doesn't."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from fixtures import certificates
from fixtures.certificates import FIRST, SECOND, certificate
from matrix.running.timing import seconds_until
from tests.wrapper.running import NOBODY, refusal_of, wrapper
from wrapper.settings import SettingsError
from wrapper.tls import Files

# The one that serves TLS.
SERVES = "0.21.0"


def _asks(url: str, trusted: ssl.SSLContext) -> Any:
    """Ask over a connection of its own; give the status."""
    with urllib.request.urlopen(f"{url}/v2/health/live", timeout=30, context=trusted) as answer:
        return answer.status


@pytest.mark.integration
@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_is_replaced_and_no_request_fails(workers: int, tmp_path: Path) -> None:
    more = certificates.use(FIRST, tmp_path / "used")
    both, second = ssl.create_default_context(), ssl.create_default_context()
    for name in (FIRST, SECOND):
        both.load_verify_locations(certificate(name))
    second.load_verify_locations(certificate(SECOND))
    with wrapper(
        SERVES, NOBODY, tmp_path, flags=f"--workers {workers}", wait=False, more=more
    ) as subject:
        url = f"https://127.0.0.1:{subject.http_port}"
        seconds_until(lambda: _answers(url, both), 120)
        assert not _answers(url, second)
        outcomes: list[object] = []
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                try:
                    outcomes.append(_asks(url, both))
                except OSError as error:
                    outcomes.append(error)

        clients = [threading.Thread(target=ask) for _ in range(2)]
        for client in clients:
            client.start()
        certificates.use(SECOND, tmp_path / "used")
        # Each of its processes.
        seconds_until(lambda: all(_answers(url, second) for _ in range(8)), 120)
        ended.set()
        for client in clients:
            client.join()
        assert set(outcomes) == {200}


@pytest.mark.container
@pytest.mark.integration
def test_curl_asks_over_tls(tmp_path: Path) -> None:
    more = certificates.use(FIRST, tmp_path / "used")
    with wrapper(SERVES, NOBODY, tmp_path, wait=False, more=more) as subject:
        url = f"https://127.0.0.1:{subject.http_port}"
        trusted = ssl.create_default_context(cafile=str(certificate(FIRST)))
        seconds_until(lambda: _answers(url, trusted), 120)
        told = [
            subprocess.run(
                ["curl", "-sS", "--fail", *words, f"{url}/v2/health/live"],
                capture_output=True,
                text=True,
                timeout=60,
            )
            for words in (["--cacert", str(certificate(FIRST))], [])
        ]
    assert json.loads(told[0].stdout) == {"live": True}
    # 60: it is signed by nobody that curl knows.
    assert told[1].returncode == 60


def _answers(url: str, trusted: ssl.SSLContext) -> bool:
    try:
        return bool(_asks(url, trusted) == 200)
    except OSError:
        return False


# By the variables of the control plane the matrix asks every release.
@pytest.mark.integration
@pytest.mark.parametrize("release", ["0.9.0", "0.13.1", "0.20.0"])
def test_a_release_without_tls_does_not_start_by_flags_either(release: str, tmp_path: Path) -> None:
    named, key = certificates.use(FIRST, tmp_path / "used").values()
    flags = f"--ssl_certfile {named} --ssl_keyfile {key}"
    refusal = refusal_of(release, tmp_path / "pod", flags=flags)
    assert refusal.exit_code == 2
    assert f"TLS, which KServe SDK {release} doesn't serve" in str(refusal.termination_line)
    assert refusal.opened_ports == ()


def test_what_can_not_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    certificate, key = str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")
    Files(None, None).check(False, "0.9.0")
    for files, said in (
        (Files(certificate, None), "KSERVE_TLS_KEY_FILE is not: set both"),
        (Files(None, key), "KSERVE_TLS_CERT_FILE is not: set both"),
        (Files(certificate, key), "No such file"),
    ):
        with pytest.raises(SettingsError, match=said) as refused:
            files.check(True, SERVES)
        assert "\n" not in str(refused.value)
    for name in (certificate, key):
        Path(name).write_text("nothing")
    with pytest.raises(SettingsError, match="name a certificate and its key"):
        Files(certificate, key).check(True, SERVES)
