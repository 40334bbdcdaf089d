"""TLS where the SDK serves it, and a refusal where it doesn't."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.results.verdict import SubjectFailed

from matrix.environments import provision
from matrix.running.timing import seconds_until
from tests.wrapper.running import NOBODY, wrapper
from wrapper.settings import SettingsError
from wrapper.tls import Files

# The one that serves TLS; its environment has what makes certificates, too.
SERVES = "0.21.0"

_MAKE = """
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, sys.argv[1])])
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
certificate = (
    x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - day).not_valid_after(now + day)
    .add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
    )
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    .sign(key, hashes.SHA256())
)
pem = serialization.Encoding.PEM
with open(sys.argv[1] + ".crt", "wb") as file:
    file.write(certificate.public_bytes(pem))
with open(sys.argv[1] + ".key", "wb") as file:
    file.write(key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two certificates for 127.0.0.1 and their keys, and those in use."""
    folder = tmp_path_factory.mktemp("certificates")
    python = provision.provision(SERVES).python
    for name in ("first", "second"):
        subprocess.run([python, "-c", _MAKE, name], cwd=folder, check=True)
    return folder


def _use(folder: Path, name: str) -> dict[str, str]:
    """Put a certificate and its key in place of those in use, each by one rename."""
    for suffix in ("key", "crt"):
        shutil.copy(folder / f"{name}.{suffix}", folder / f"new.{suffix}")
    for suffix in ("key", "crt"):
        (folder / f"new.{suffix}").replace(folder / f"used.{suffix}")
    return {
        "KSERVE_TLS_CERT_FILE": str(folder / "used.crt"),
        "KSERVE_TLS_KEY_FILE": str(folder / "used.key"),
    }


def _asks(url: str, trusted: ssl.SSLContext) -> Any:
    """Ask over a connection of its own; give the status."""
    with urllib.request.urlopen(f"{url}/v2/health/live", timeout=30, context=trusted) as answer:
        return answer.status


@pytest.mark.integration
@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_is_replaced_and_no_request_fails(
    workers: int, certificates: Path, tmp_path: Path
) -> None:
    more = _use(certificates, "first")
    both, second = ssl.create_default_context(), ssl.create_default_context()
    for name in ("first", "second"):
        both.load_verify_locations(certificates / f"{name}.crt")
    second.load_verify_locations(certificates / "second.crt")
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
        _use(certificates, "second")
        # Each of its processes.
        seconds_until(lambda: all(_answers(url, second) for _ in range(8)), 120)
        ended.set()
        for client in clients:
            client.join()
        assert set(outcomes) == {200}


@pytest.mark.container
@pytest.mark.integration
def test_curl_asks_over_tls(certificates: Path, tmp_path: Path) -> None:
    more = _use(certificates, "first")
    with wrapper(SERVES, NOBODY, tmp_path, wait=False, more=more) as subject:
        url = f"https://127.0.0.1:{subject.http_port}"
        trusted = ssl.create_default_context(cafile=str(certificates / "first.crt"))
        seconds_until(lambda: _answers(url, trusted), 120)
        told = [
            subprocess.run(
                ["curl", "-sS", "--fail", *words, f"{url}/v2/health/live"],
                capture_output=True,
                text=True,
                timeout=60,
            )
            for words in (["--cacert", str(certificates / "first.crt")], [])
        ]
    assert json.loads(told[0].stdout) == {"live": True}
    # 60: it is signed by nobody that curl knows.
    assert told[1].returncode == 60


def _answers(url: str, trusted: ssl.SSLContext) -> bool:
    try:
        return bool(_asks(url, trusted) == 200)
    except OSError:
        return False


@pytest.mark.integration
@pytest.mark.parametrize("release", ["0.9.0", "0.13.1", "0.20.0"])
@pytest.mark.parametrize("by", ["variables", "flags"])
def test_a_release_without_tls_does_not_start(
    release: str, by: str, certificates: Path, tmp_path: Path
) -> None:
    more = _use(certificates, "first")
    flags = ""
    if by == "flags":
        certificate, key = more.values()
        flags, more = f"--ssl_certfile {certificate} --ssl_keyfile {key}", {}
    with (
        pytest.raises(SubjectFailed, match=f"TLS, which KServe SDK {release} doesn't serve"),
        wrapper(release, NOBODY, tmp_path, flags=flags, more=more),
    ):
        pass


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
