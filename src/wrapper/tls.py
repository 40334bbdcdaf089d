"""TLS on the port for REST: whether it is asked for, and whether it can be served.

KServe's control plane asks by two variables, which the SDK reads since 0.21. A wrapper that served
plain HTTP instead would show requests to whoever can read the network.
"""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Mapping

from wrapper.settings import SettingsError

CERTIFICATE, KEY = "KSERVE_TLS_CERT_FILE", "KSERVE_TLS_KEY_FILE"


@dataclasses.dataclass(frozen=True)
class Files:
    """Where the certificate (with its chain) and its key are, in PEM; None where nobody says."""

    certificate: str | None
    key: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Files:
        """Read what the control plane sets."""
        return cls(environment.get(CERTIFICATE) or None, environment.get(KEY) or None)

    def is_asked_for(self) -> bool:
        """Tell whether TLS is asked for."""
        return bool(self.certificate or self.key)

    def check(self, is_served: bool, sdk: str) -> None:
        """Look at them before anything is served.

        Args:
            is_served: whether the SDK serves TLS.
            sdk: its version.

        Raises:
            SettingsError: when TLS is asked for and can't be served.
        """
        if not self.is_asked_for():
            return
        if not is_served:
            raise SettingsError(
                f"{CERTIFICATE} and {KEY} ask for TLS, which KServe SDK {sdk} doesn't serve: "
                "install 0.21 or later, or unset both and let a gateway or a mesh encrypt"
            )
        if self.certificate is None or self.key is None:
            given, missing = (CERTIFICATE, KEY) if self.certificate else (KEY, CERTIFICATE)
            raise SettingsError(f"{given} is set and {missing} is not: set both, or neither")
        try:
            ssl.create_default_context().load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one, too
            raise SettingsError(
                f"{CERTIFICATE}={self.certificate} and {KEY}={self.key} can't be used "
                f"({error.strerror or error}): name a certificate and its key, in PEM"
            ) from None
