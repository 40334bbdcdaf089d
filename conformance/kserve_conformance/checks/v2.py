"""What V2 inference requests are answered with, and which bodies are none."""

from __future__ import annotations

from kserve_conformance import expect, tensors
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import refusals, v2_answers
from kserve_conformance.checks.refusals import SCHEMA_FAULT, answered_or_refused, nested, refused
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.tensors import returned

_NO_OUTPUT = "conformance_no_such_output"
_PARAMETERS = {"conformance_text": "é", "conformance_number": 1.5, "conformance_flag": True}
_FIRST = returned("INT32", [2], [1, -2], "b")
_SECOND = returned("INT32", [2], [3, 4], "a")
_THIRD = returned("FP64", [1, 1], [0.5], "c")
_ALL = [_FIRST, _SECOND, _THIRD]
_DEPTH = 2000


@check("V2-INFER-001")
def tensors_are_answered_with_tensors(server: Server) -> None:
    told = server.infer(server.v2_sample()).success()
    with expect.reading("the V2 answer"):
        expect.that(isinstance(told["model_name"], str), "model_name is no text")
        expect.that(bool(told["outputs"]), "there are no outputs")
        for output in told["outputs"]:
            for member, kind in (("name", str), ("shape", list), ("datatype", str), ("data", list)):
                expect.that(
                    isinstance(output[member], kind),
                    f"{member} of an output is {expect.shortened(repr(output[member]), 100)}",
                )


@check("V2-INFER-002")
def the_answer_names_the_model(server: Server) -> None:
    told = server.infer(server.v2_sample()).success()
    with expect.reading("the V2 answer"):
        expect.equal(told["model_name"], server.model, "model_name")


@check("V2-INFER-003")
def what_is_optional_is_left_out(server: Server) -> None:
    sample = server.v2_sample()
    sample.pop("id", None)
    told = server.infer(sample).success()
    with expect.reading("the V2 answer"):
        outputs = [(f"output {each['name']}", each) for each in told["outputs"]]
        for what, holder in [("the answer", told), *outputs]:
            nulls = sorted(name for name, value in holder.items() if value is None)
            expect.that(not nulls, f"{what} has members that are null: {', '.join(nulls)}")


@check_each({"V2-INFER-004": "conformance 4/7", "V2-INFER-005": "é漢 \U0001f600"})
def the_id_comes_back(server: Server, identifier: str) -> None:
    told = server.infer(server.v2_sample(id=identifier)).success()
    with expect.reading("the V2 answer"):
        expect.equal(told["id"], identifier, "id")


@check("V2-INFER-041")
def an_empty_id_is_replaced_by_none(server: Server) -> None:
    told = server.infer(server.v2_sample(id="")).success()
    with expect.reading("the V2 answer"):
        expect.equal(told.get("id") or "", "", "id")


@check("V2-INFER-006")
def a_request_needs_no_id(server: Server) -> None:
    sample = server.v2_sample()
    sample.pop("id", None)
    told = server.infer(sample).success()
    with expect.reading("the V2 answer"):
        expect.that(bool(told["outputs"]), "there are no outputs")
        identifier = told.get("id")
    # That it should be left out and not null is another statement.
    expect.that(
        identifier is None or isinstance(identifier, str), f"the id is no text: {identifier!r}"
    )


@check("V2-INFER-007", Server.need_contract_v2)
def all_outputs_come_back(server: Server) -> None:
    answer = server.infer({"inputs": _ALL})
    names = sorted(each["name"] for each in _ALL)
    expect.equal(v2_answers.names(answer), names, "the outputs")


@check("V2-INFER-008")
def each_input_is_its_own(server: Server) -> None:
    v2_answers.come_back(server, *_ALL)


@check("V2-INFER-009")
def requested_outputs_come_back(server: Server) -> None:
    body = server.v2_sample()
    if server.known.is_contract_v2:
        body = {"inputs": _ALL}
    everything = v2_answers.names(server.infer(body))
    # Not the first, which a server that gives one output whatever is asked for would give.
    wanted = everything[1:] or everything
    came = v2_answers.names(server.infer({**body, "outputs": [{"name": each} for each in wanted]}))
    missing = set(wanted) - set(came)
    expect.that(not missing, f"outputs were asked for and didn't come: {', '.join(missing)}")


@check("V2-INFER-010", Server.need_contract_v2)
def no_other_outputs_come_back(server: Server) -> None:
    names = [_FIRST["name"], _THIRD["name"]]
    answer = server.infer({"inputs": _ALL, "outputs": [{"name": each} for each in names]})
    expect.equal(v2_answers.names(answer), names, "the outputs")


@check("V2-INFER-011")
def an_unknown_output_is_refused(server: Server) -> None:
    server.infer(server.v2_sample(outputs=[{"name": _NO_OUTPUT}])).failure()


@check("V2-INFER-012")
def no_requested_outputs_are_all(server: Server) -> None:
    sample = server.v2_sample()
    sample.pop("outputs", None)
    everything = v2_answers.names(server.infer(sample))
    came = v2_answers.names(server.infer({**sample, "outputs": []}))
    expect.equal(came, everything, "the outputs for an empty list of requested ones")


@check("V2-INFER-013")
def unknown_parameters_are_accepted(server: Server) -> None:
    body = v2_answers.with_parameters(server.v2_sample(), _PARAMETERS)
    body["inputs"][0] = v2_answers.with_parameters(body["inputs"][0], _PARAMETERS)
    names = v2_answers.names(server.infer(body))
    body["outputs"] = [{"name": names[0], "parameters": _PARAMETERS}]
    expect.that(names[0] in v2_answers.names(server.infer(body)), f"there is no {names[0]}")


@check("V2-INFER-044")
def whole_numbers_are_parameters(server: Server) -> None:
    numbers = {"conformance_unsigned": 2**64 - 1, "conformance_signed": -(2**63)}
    body = v2_answers.with_parameters(server.v2_sample(), numbers)
    body["inputs"][0] = v2_answers.with_parameters(body["inputs"][0], numbers)
    v2_answers.outputs(server.infer(body))


@check("V2-INFER-014")
def parameters_are_simple_values(server: Server) -> None:
    body = server.v2_sample()
    for wrong in (None, {"a": 1}):
        refused(server.infer(v2_answers.with_parameters(body, {"conformance": wrong})))
    body["inputs"][0] = v2_answers.with_parameters(body["inputs"][0], {"conformance": [1]})
    refused(server.infer(body))


@check("V2-INFER-015")
def other_members_are_let_be(server: Server) -> None:
    body = v2_answers.changed(server, conformance=[{"a": 1}])
    body |= {"conformance": {"a": [1]}, "model_name": refusals.UNKNOWN_MODEL}
    told = server.infer(body).success()
    with expect.reading("the V2 answer"):
        expect.that(bool(told["outputs"]), "there are no outputs")
        # Not that it is the model's: a server that departs from V2-INFER-002 may keep this.
        expect.that(
            told["model_name"] != refusals.UNKNOWN_MODEL, "the model_name is that of the body"
        )


@check("V2-INFER-016")
def json_may_be_written_otherwise(server: Server) -> None:
    # Any text that reads just so means the same as before.
    text = encode(server.v2_sample()).decode().replace('"inputs"', '"\\u0069nputs"\r\n\t')
    v2_answers.outputs(server.infer(f"\n {text}\r\n\t".encode()))


@check("V2-INFER-017", Server.need_contract_v2)
def requests_stand_for_themselves(server: Server) -> None:
    for data in ([1, 2], [3, 4], [1, 2]):
        sent = returned("INT32", [2], data)
        answer = server.infer({"id": "conformance", "inputs": [sent]})
        expect.equal(len(v2_answers.outputs(answer)), 1, "the number of outputs")
        v2_answers.expect_back(answer, [sent])


@check("V2-INFER-040")
def null_is_what_is_not_there(server: Server) -> None:
    # What the sample has it may need.
    sample = server.v2_sample()
    first, *others = sample["inputs"]
    everything = v2_answers.names(server.infer(sample))
    of_request = {"id": None, "parameters": None, "outputs": None, **sample}
    of_input = {**sample, "inputs": [{"parameters": None, **first}, *others]}
    of_output = {**sample, "outputs": [{"name": each, "parameters": None} for each in everything]}
    for body in (of_request, of_input, of_output):
        answer = server.infer(body)
        expect.equal(v2_answers.names(answer), everything, "the outputs")
        identifier = answer.json().get("id", "")
        expect.that(isinstance(identifier, str), f"the id is no text: {identifier!r}")


@check("V2-INFER-043")
def an_output_that_is_named_twice_comes_once(server: Server) -> None:
    sample = server.v2_sample()
    sample.pop("outputs", None)
    name = v2_answers.names(server.infer(sample))[0]
    answer = server.infer({**sample, "outputs": [{"name": name}, {"name": name}]})
    if not answered_or_refused(answer):
        return
    came = v2_answers.names(answer)
    expect.equal(came.count(name), 1, f"how often the output {name} comes")


@check("V2-INFER-045")
def the_version_that_answers_is_a_text(server: Server) -> None:
    told = server.infer(server.v2_sample()).success()
    with expect.reading("the V2 answer"):
        version = told.get("model_version")
    # That it should be left out and not null is another statement.
    expect.that(
        version is None or isinstance(version, str), f"the model_version is no text: {version!r}"
    )


@check("V2-INFER-047")
def a_member_that_is_there_twice_is_no_failure(server: Server) -> None:
    body = encode(server.v2_sample(id="conformance"))
    answered_or_refused(server.infer(body[:-1] + b', "id": "conformance"}'))


# ------------------------------------------------------------ what is refused


@check("V2-INFER-046")
def an_input_is_there_once(server: Server) -> None:
    sample = server.v2_sample()
    server.infer({**sample, "inputs": [sample["inputs"][0], *sample["inputs"]]}).failure()


@check("V2-INFER-018")
def what_is_no_json_is_refused(server: Server) -> None:
    for body in (encode(server.v2_sample())[:-1], b"conformance"):
        refused(server.infer(body))


@check("V2-INFER-019")
def the_body_is_an_object(server: Server) -> None:
    for body in (b"", b"null", encode(server.v2_sample()["inputs"])):
        refused(server.infer(body))


@check("V2-INFER-020")
def nothing_follows_the_document(server: Server) -> None:
    for more in (b" x", b"{}"):
        refused(server.infer(encode(server.v2_sample()) + more))


@check("V2-INFER-021")
def what_is_no_utf8_is_refused(server: Server) -> None:
    for text in (b'"\xff"', b'"\xc3"'):
        refused(server.infer(v2_answers.with_member(server, text)))


@check("V2-INFER-022")
def deep_nesting_is_survived(server: Server) -> None:
    answered_or_refused(server.infer(v2_answers.with_member(server, nested(_DEPTH))))
    server.infer(server.v2_sample()).success()


@check("V2-INFER-023")
def there_are_inputs(server: Server) -> None:
    refused(server.infer({"id": "conformance"}))
    for inputs in (None, server.v2_sample()["inputs"][0], ["conformance"]):
        refused(server.infer({"inputs": inputs}))


@check("V2-INFER-024")
def there_is_an_input(server: Server) -> None:
    refused(server.infer(server.v2_sample(inputs=[])))


@check("V2-INFER-025")
def inputs_are_described(server: Server) -> None:
    for member in ("name", "shape", "datatype"):
        refused(server.infer(v2_answers.without(server, member)))


@check("V2-INFER-026")
def inputs_have_data(server: Server) -> None:
    refused(server.infer(v2_answers.without(server, "data")))


@check("V2-INFER-027")
def members_that_mean_nothing_are_refused(server: Server) -> None:
    for members in ({"shape": "wide"}, {"datatype": 7}, {"data": {"conformance": 1}}):
        refused(server.infer(v2_answers.changed(server, **members)))


@check("V2-INFER-028")
def members_of_another_kind_are_refused(server: Server) -> None:
    refused(server.infer(server.v2_sample(id=7)))
    refused(server.infer(server.v2_sample(parameters=["conformance"])))
    refused(server.infer(v2_answers.changed(server, name=7)))
    count = len(tensors.flat(server.v2_sample()["inputs"][0]["data"]))
    refused(server.infer(v2_answers.changed(server, shape=count)))


@check("V2-INFER-029")
def requests_at_fault_are_told_so(server: Server) -> None:
    server.infer(encode(server.v2_sample())[:-1]).failure(*SCHEMA_FAULT)
    for member in ("name", "shape", "datatype"):
        server.infer(v2_answers.without(server, member)).failure(*SCHEMA_FAULT)
