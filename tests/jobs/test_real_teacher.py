"""A teacher behind a real server (`transformers serve`), with a proxy between that fails in every way it can:
the synthesis gets to its end, a cap stops it cleanly, and no answer is paid twice.

The teacher is a model of some 200,000 parameters that has learnt by heart what to say to these very prompts.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.artifact import read_lines
from engine.data.compose import requests
from engine.data.dataset import write_records
from engine.data.records import Document
from engine.data.teacher import Request
from engine.retrieval import index as indexes
from jobs.foreground import indexed
from tests import tiny
from tests.commands import Command
from tests.engine.test_compose import honest
from tests.servers import real_server, serving

KIND = "fact"
DOCUMENTS = [
    Document(place, place, f"The lighthouse of {place} was built by {builder}. It is still lit every night.")
    for place, builder in (
        ("Velden", "Marta Olsen"),
        ("Arlen", "Josef Brandt"),
        ("Tamm", "Ida Falk"),
        ("Brekke", "Nils Holm"),
        ("Haldis", "Ana Reyes"),
        ("Sorrel", "Paul Meyer"),
        ("Norwick", "Ruth Adler"),
        ("Kettle", "Otto Lang"),
        ("Mossby", "Lena Roth"),
        ("Farrow", "Hugo Stern"),
    )
]
FAULTS: list[Any] = [429, (429, {"Retry-After": "0"}, ""), "hang", 500, 503, "drop", "cut", "prose", "odd"]
LEARNT = 0.03  # loss at which it says most by heart


def taught(folder: Path, asked: Sequence[Request]) -> Path:
    """A model that answers each of `asked` as `honest` does."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    chats = [[{"role": role, "content": text} for role, text in one.messages] for one in asked]
    said = [honest({"messages": chat}) for chat in chats]
    words = tiny.tokenizer("chatml", " ".join([*said, *(turn["content"] for c in chats for turn in c)]), 3000)
    prompts = [words.apply_chat_template(c, add_generation_prompt=True, return_dict=False) for c in chats]
    answers = [words(f"{text}<|im_end|>").input_ids for text in said]
    shape: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 4, "max_position_embeddings": 1024, "tie_word_embeddings": True}
    shape |= {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": words.eos_token_id}
    longest = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    ids = torch.zeros(len(asked), longest, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : end] = torch.tensor(answer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=len(words), **shape))
    adam = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0)
    for _ in range(300):
        loss = model(input_ids=ids, labels=labels).loss  # padding stands behind all that is looked at
        if float(loss) < LEARNT:
            break
        adam.zero_grad()
        loss.backward()
        adam.step()
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_real_teacher_behind_every_fault_writes_to_the_end_and_is_never_paid_twice(
    here: Command, tmp_path: Path
) -> None:
    home, documents = tmp_path / "home", tmp_path / "documents.jsonl"
    write_records(documents, DOCUMENTS)
    assert here("import", str(documents), "--name", "made", home=home).code == 0
    asked = requests(indexes.load(indexed("made")), [KIND])
    folder = taught(tmp_path / "teacher", asked)
    with (
        real_server(folder, tmp_path / "serve.log") as url,
        serving(script=["well", *FAULTS], upstream=url) as proxy,
    ):
        ask = ("synthesize", "--name", "made", "--teacher", proxy.url, "--model", str(folder), "--json")
        ask += ("--kinds", KIND, "--check", "false", "--rewordings", "0", "--retries", "9")
        ask += ("--backoff", "0.05", "--timeout", "20", "--concurrency", "3")
        capped = here(*ask, "--most-tokens", "1200", home=home)
        assert capped.code == 0, capped.err
        first = json.loads(capped.out)
        assert not proxy.script, "a fault was not met"
        paid = len(proxy.answered)
        assert 0 < first["calls"] == paid < len(asked) and "1,200 tokens" in first["spent"]["stopped"]
        ran = here(*ask, home=home)
        assert ran.code == 0, ran.err
        whole = json.loads(ran.out)
        assert whole["spent"]["cached"] == paid and whole["spent"]["stopped"] == ""
        again = json.loads(here(*ask, "--most-tokens", "999999", home=home).out)
    assert again["calls"] == 0 and again["kept"] == whole["kept"] > first["kept"] > 0
    assert whole["kept"] + sum(whole["dropped"].values()) == len(asked)
    bodies = Counter(json.dumps(body["messages"]) for body in proxy.answered)
    assert len(bodies) == whole["calls"] + paid and set(bodies.values()) == {1}
    rows = list(read_lines(home / "artifacts" / "questions" / whole["questions"] / "written.jsonl"))
    assert len(rows) == whole["kept"] > len(asked) // 2
    assert all(row["question"]["question"].startswith("Asked for ") for row in rows)
