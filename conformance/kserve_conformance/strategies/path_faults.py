"""Paths at which a server has nothing to answer a POST."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import strategies as st

from kserve_conformance.catalogue import Level
from kserve_conformance.strategies.fault import fault

_ODD = ("..", "%2e%2e", "%00", "a%2fb", "%ff", "~")


def _names(model: str) -> st.SearchStrategy[str]:
    # A path with a dot for a name is the path without it.
    texts = st.text(min_size=1, max_size=12).filter(lambda name: name not in (model, "."))
    odd = st.sampled_from([*_ODD, f"{quote(model)}%20"])
    return texts.map(lambda name: quote(name, safe=":")) | odd


@fault("path/v1-model", Level.SHOULD, "V1 has no model of this name.")
def _v1_model(draw: st.DrawFn, model: str) -> str:
    return f"/v1/models/{draw(_names(model))}:{draw(st.sampled_from(['predict', 'explain']))}"


@fault("path/v2-model", Level.MUST, "V2 has no model of this name.")
def _v2_model(draw: st.DrawFn, model: str) -> str:
    return f"/v2/models/{draw(_names(model))}/infer"


@fault("path/route", Level.SHOULD, "The protocol has no such path.")
def _route(draw: st.DrawFn, model: str) -> str:
    name = draw(_names(model))
    routes = [f"/v2/models/{quote(model)}/{name}/infer", f"/v2/models/{name}/explain"]
    return draw(st.sampled_from(routes))


@fault("path/version", None, "The model may have no such version.")
def _version(draw: st.DrawFn, model: str) -> str:
    return f"/v2/models/{quote(model)}/versions/{draw(_names(model))}/infer"


@fault("path/repository", None, "The repository has no model of this name to load or unload.")
def _repository(draw: st.DrawFn, model: str) -> str:
    verb = draw(st.sampled_from(["load", "unload"]))
    return f"/v2/repository/models/{draw(_names(model))}/{verb}"


@fault("path/encoding", None, "A percent sign stands before no two hexadecimal digits.")
def _encoding(draw: st.DrawFn, _: str) -> str:
    name = draw(st.sampled_from(["%", "%z", "%zz", "a%"]))
    return draw(st.sampled_from([f"/v1/models/{name}:predict", f"/v2/models/{name}/infer"]))
