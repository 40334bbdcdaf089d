"""config.properties is read as TorchServe reads it, and faults are told with file and key."""

import dataclasses
import zipfile
from pathlib import Path

import pytest

from wrapper.address import Address
from wrapper.configuration import ConfigurationError, TorchServeConfiguration
from wrapper.protocol import PredictorProtocol
from wrapper.settings import LoadPolicy, Settings, SettingsError

SNAPSHOT = 'model_snapshot={"models":{"digits":{"1.0":{}},"contract":{"1.0":{}}}}\n'


def _read(tmp_path: Path, text: str, **environment: str) -> TorchServeConfiguration:
    file = tmp_path / "config.properties"
    file.write_text(text)
    return TorchServeConfiguration.read(file, environment)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inference_address=http://127.0.0.1:9000\n", Address("127.0.0.1", 9000)),
        ("inference_address = http\\://0.0.0.0\\:9000/\n", Address("127.0.0.1", 9000)),
        ("inference_address: http://[::]:9000\n", Address("::1", 9000)),
        ("", Address("127.0.0.1", 8080)),
    ],
)
def test_an_address_is_read_as_the_wrapper_can_reach_it(
    tmp_path: Path, text: str, expected: Address
) -> None:
    assert _read(tmp_path, text).address("inference_address") == expected


def test_an_ipv6_address_is_written_with_brackets() -> None:
    assert str(Address("::1", 7070)) == "[::1]:7070"


@pytest.mark.parametrize("value", ["unix:/tmp/ts.sock", "0.0.0.0:8085", "http://h:port"])
def test_an_address_that_cannot_be_used_names_file_key_and_form(tmp_path: Path, value: str) -> None:
    configuration = _read(tmp_path, f"inference_address={value}\n")
    with pytest.raises(
        ConfigurationError, match=r"config\.properties: inference_address=.*http://HOST"
    ):
        configuration.address("inference_address")


def test_the_environment_overrides_only_when_the_file_allows_it(tmp_path: Path) -> None:
    text = "service_envelope=kserve\n"
    environment = {"TS_SERVICE_ENVELOPE": "kservev2"}
    assert _read(tmp_path, text, **environment).get("service_envelope") == "kserve"
    allowed = text + "enable_envvars_config=true\n"
    assert _read(tmp_path, allowed, **environment).get("service_envelope") == "kservev2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SNAPSHOT, ("contract", "digits")),
        ("load_models=digits=digits-1.0.mar, contract.mar\n", ("digits", "contract")),
        ("load_models=http://models/digits.mar\n", ("digits",)),
    ],
)
def test_models_are_found(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    assert _read(tmp_path, text).models() == expected


def test_all_models_of_the_store_are_found(tmp_path: Path) -> None:
    (tmp_path / "digits.mar").touch()
    text = f"load_models=all\nmodel_store={tmp_path}\n"
    assert _read(tmp_path, text).models() == ("digits",)


@pytest.mark.parametrize("text", ["", "load_models=\n", "load_models=none\n"])
def test_no_model_means_that_torchserve_has_to_be_asked(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, text).models() == ()


def test_a_snapshot_that_is_no_json_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"model_snapshot='\{oops'"):
        _read(tmp_path, "model_snapshot={oops\n").models()


def _settings(tmp_path: Path, text: str = SNAPSHOT, **environment: str) -> Settings:
    file = tmp_path / "config.properties"
    file.write_text(text)
    environment = {"CONFIG_PATH": str(file), **environment}
    return Settings.from_environment(environment, PredictorProtocol.REST_V1)


def test_an_unset_protocol_on_a_v2_envelope_is_told_in_the_log_line(tmp_path: Path) -> None:
    text = SNAPSHOT + "service_envelope=kservev2\n"
    summary = _settings(tmp_path, text).summary()
    assert "PROTOCOL_VERSION is unset, so v1" in summary
    assert "V2 requests are answered" in summary
    assert "\n" not in summary


@pytest.mark.parametrize(
    ("envelope", "protocol", "told"),
    [
        (
            "",
            PredictorProtocol.REST_V1,
            "no envelope; V1 and V2 requests are passed on as they are",
        ),
        (
            "",
            PredictorProtocol.GRPC_V2,
            "no envelope; V1 and V2 requests are passed on as they are",
        ),
        (
            "kserve",
            PredictorProtocol.GRPC_V2,
            (
                "envelope kserve; V1 requests are answered, since that is what the envelope reads, "
                "and V2 requests are refused"
            ),
        ),
    ],
)
def test_what_protocol_version_alone_would_tell_wrongly_is_in_the_log_line(
    envelope: str, protocol: PredictorProtocol, told: str, tmp_path: Path
) -> None:
    text = SNAPSHOT + f"service_envelope={envelope}\n"
    summary = dataclasses.replace(_settings(tmp_path, text), protocol=protocol).summary()
    assert f" with {told}" in summary


@pytest.mark.parametrize("protocol", [PredictorProtocol.REST_V2, PredictorProtocol.GRPC_V2])
def test_what_fits_is_no_news(protocol: PredictorProtocol, tmp_path: Path) -> None:
    text = SNAPSHOT + "service_envelope=kservev2\n"
    summary = dataclasses.replace(_settings(tmp_path, text), protocol=protocol).summary()
    assert summary.endswith(" with envelope kservev2")


V2, GRPC_V2 = PredictorProtocol.REST_V2, PredictorProtocol.GRPC_V2


@pytest.mark.parametrize(
    ("envelope", "protocol", "variable", "wanted"),
    [
        # Where a pod of the published wrapper had it so, whose envelopes were any but ours.
        ("kservev2", GRPC_V2, None, True),
        ("kservev2", GRPC_V2, "", True),
        ("", GRPC_V2, None, True),
        ("body", GRPC_V2, None, True),
        ("kservev2", V2, None, False),
        ("kservev2_faithful", GRPC_V2, None, False),
        ("kserve", GRPC_V2, None, False),
        # What is said goes before.
        ("kservev2", GRPC_V2, "false", False),
        ("kservev2", V2, "true", True),
        ("kservev2_faithful", V2, "True", True),
    ],
)
def test_bytes_go_in_base64_where_the_published_wrapper_had_it_so_or_as_it_is_said(
    envelope: str, protocol: PredictorProtocol, variable: str | None, wanted: bool, tmp_path: Path
) -> None:
    file = tmp_path / "config.properties"
    file.write_text(SNAPSHOT + f"service_envelope={envelope}\n")
    said = {} if variable is None else {"BYTES_AS_BASE64": variable}
    read = Settings.from_environment({"CONFIG_PATH": str(file), **said}, protocol)
    assert read.envelope.wants_base64 is wanted
    assert ("base64" in read.summary()) is wanted


def test_whether_bytes_go_in_base64_is_said_by_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BYTES_AS_BASE64='always' can't be used"):
        _settings(tmp_path, BYTES_AS_BASE64="always")


def test_the_published_wrappers_variables_keep_their_meaning() -> None:
    policy = LoadPolicy.from_environment(
        {
            "MODEL_LOAD_MAX_TRY": "3",
            "MODEL_LOAD_DELAY": "20",
            "MODEL_LOAD_TIMEOUT": "7",
            "MODEL_LOAD_CUSTOMIZED": "true",
        }
    )
    assert policy == LoadPolicy(warn_after=60, timeout=7, customized=True)


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf"])
def test_a_number_that_is_none_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match=f"MODEL_LOAD_DELAY='{value}' can't be used"):
        _settings(tmp_path, MODEL_LOAD_DELAY=value)


def test_forwarded_headers_replace_the_default_or_join_it(tmp_path: Path) -> None:
    default = _settings(tmp_path).forwarded_headers
    assert "traceparent" in default
    assert _settings(tmp_path, FORWARDED_HEADERS=" X-Tenant, b3 ").forwarded_headers == (
        "x-tenant",
        "b3",
    )
    assert _settings(tmp_path, FORWARDED_HEADERS="+X-Tenant,b3").forwarded_headers == (
        *default,
        "x-tenant",
    )
    assert _settings(tmp_path, FORWARDED_HEADERS="").forwarded_headers == ()


@pytest.mark.parametrize("name", ["Authorization", "content-length", "Host"])
def test_a_header_that_is_not_the_clients_to_set_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"FORWARDED_HEADERS='.*leave {name.lower()} out"):
        _settings(tmp_path, FORWARDED_HEADERS=f"x-request-id,{name}")


def test_a_name_in_an_archive_counts_more_than_its_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "file.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", '{"model": {"modelName": "inside"}}')
    (tmp_path / "broken.mar").write_text("no zip file")
    text = f"model_store={tmp_path}\nload_models=file.mar,broken.mar,mine=file.mar\n"
    assert _read(tmp_path, text).models() == ("inside", "broken", "mine")
