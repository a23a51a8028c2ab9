"""A model behind a real server says what it says here: same prompt, same answer, same citation."""

from pathlib import Path
from typing import Any

import pytest

from engine.endpoint import Endpoint, EndpointSpec
from engine.inference.local import LocalTier
from engine.inference.orchestrator import AnswerSpec, Parts, answer, last
from engine.inference.remote import EndpointTier
from engine.inference.tiers import Asked
from tests.corpus import QUESTIONS
from tests.servers import real_server

SPEC = AnswerSpec(look_again=False, max_new_tokens=16)


@pytest.mark.slow
def test_the_large_model_behind_a_real_server_answers_as_it_does_here(
    corpus_index: Any, tmp_path: Path
) -> None:
    from engine.inference.model import load

    large = load("smollm2-135m-grounded", device="cpu")
    folder = tmp_path / "large"
    large.model.save_pretrained(folder)
    large.tokenizer.save_pretrained(folder)
    local = Parts(None, corpus_index, None, (LocalTier.of(large),))
    asked = [question.question for question in QUESTIONS[:3]]
    here = [last(answer(local, question, SPEC)) for question in asked]
    with (
        real_server(folder, tmp_path / "serve.log") as url,
        Endpoint(EndpointSpec(base_url=url, model=str(folder), timeout=120, retries=0)) as endpoint,
    ):
        remote = Parts(None, corpus_index, None, (EndpointTier(endpoint),))
        there = [last(answer(remote, question, SPEC)) for question in asked]
        shown = Asked(asked[0], tuple(bullet.text for bullet in there[0].bullets))
        (whole,) = EndpointTier(endpoint).answers([shown], ban=False, max_new_tokens=16)
    assert [one.answer.raw for one in there] == [one.answer.raw for one in here]
    assert [one.answer.citations for one in there] == [one.answer.citations for one in here]
    assert not any(one.answer.refused for one in there)
    assert whole.answer.raw == there[0].answer.raw, "streamed and whole differ"
