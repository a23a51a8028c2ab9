"""Models of the catalog's architectures, made on the spot: random weights, a real tokenizer, a template.

The templates are our own few lines; each behaves like its family's where it matters to us: who may speak,
what ends a turn, a date, a switch for thinking. Nothing is fetched.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT = (
    "Question: When was the treaty signed? Evidence: [1] It ended a long war. "
    "[2] The treaty was signed in 1648. Answer: I don't know. "
    "The lander touched down in the Sea of Tranquility on 20 July 1969. Neil Armstrong walked on the Moon. "
    "Answer with a short phrase from the numbered evidence, then its number, like: Paris [2]. "
)

CHATML = (
    "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)
QWEN3 = (
    "{%- for m in messages -%}<|im_start|>{{ m.role + '\n' }}"
    "{%- if m.role == 'assistant' and loop.last -%}{{ '<think>\n\n</think>\n\n' }}{%- endif -%}"
    "{{ m.content + '<|im_end|>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and not enable_thinking -%}"
    "{{ '<think>\n\n</think>\n\n' }}{%- endif -%}"
    "{%- endif -%}"
)
SMOLLM3 = (
    "{%- if enable_thinking is not defined -%}{%- set enable_thinking = true -%}{%- endif -%}"
    "{{ '<|im_start|>system\nToday Date: ' + strftime_now('%d %B %Y') + '\n' }}"
    "{%- if messages[0].role == 'system' -%}{{ messages[0].content }}{%- endif -%}{{ '<|im_end|>\n' }}"
    "{%- for m in messages if m.role != 'system' -%}{{ '<|im_start|>' + m.role + '\n' }}"
    "{%- if m.role == 'assistant' and not enable_thinking -%}{{ '<think>\n\n</think>\n' }}{%- endif -%}"
    "{{ m.content + '<|im_end|>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}"
    "{%- if not enable_thinking -%}{{ '<think>\n\n</think>\n' }}{%- endif -%}{%- endif -%}"
)
LLAMA3 = (
    "{{- bos_token -}}{%- set date = strftime_now('%d %b %Y') -%}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date + '\n\n' }}"
    "{%- if messages[0].role == 'system' -%}{{ messages[0].content | trim }}{%- endif -%}<|eot_id|>"
    "{%- for m in messages if m.role != 'system' -%}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif -%}"
)
PHI3 = (
    "{%- for m in messages -%}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>\n' }}{%- else -%}{{ eos_token }}{%- endif -%}"
)
GEMMA = (
    "{{- bos_token -}}{%- for m in messages -%}"
    "{%- if m.role == 'system' -%}{{ raise_exception('System role not supported') }}{%- endif -%}"
    "{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Roles must alternate user/assistant') }}{%- endif -%}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else 'user') + '\n' }}"
    "{{ m.content | trim + '<end_of_turn>\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)


@dataclass(frozen=True)
class Family:
    """How a family of models speaks: its special tokens (padding first), template, ends of text and turn."""

    specials: tuple[str, ...]
    template: str | None
    bos: str | None
    eos: str
    turn_end: str


_CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_LLAMA3 = (
    "<|pad|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
_PHI3 = ("<|pad|>", "<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
_GEMMA = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<image_soft_token>")

SPEECH = {
    "chatml": Family(_CHATML, CHATML, None, "<|im_end|>", "<|im_end|>"),
    "qwen3": Family(_CHATML, QWEN3, None, "<|im_end|>", "<|im_end|>"),
    "smollm3": Family(_CHATML, SMOLLM3, None, "<|im_end|>", "<|im_end|>"),
    "llama3": Family(_LLAMA3, LLAMA3, "<|begin_of_text|>", "<|eot_id|>", "<|eot_id|>"),
    "phi3": Family(_PHI3, PHI3, None, "<|endoftext|>", "<|end|>"),
    "gemma": Family(_GEMMA, GEMMA, "<bos>", "<eos>", "<end_of_turn>"),
    "none": Family(("<pad>", "<s>", "</s>"), None, "<s>", "</s>", "</s>"),
}
# name: (speech, the catalog's entry it stands for)
MODELS = {
    "qwen3": ("qwen3", "qwen3-0.6b"),
    "llama3": ("llama3", "llama-3.2-1b-instruct"),
    "phi3": ("phi3", "phi-3-mini-4k-instruct"),
    "phi4": ("phi3", "phi-4-mini-instruct"),
    "gemma3": ("gemma", "gemma-3-1b-it"),
    "gemma3-images": ("gemma", "gemma-3-4b-it"),
    "smollm3": ("smollm3", "smollm3-3b"),
    "smollm2": ("chatml", "smollm2-360m-instruct"),
}


def tokenizer(speech: str, text: str = TEXT, size: int = 400) -> Any:
    """A byte-level BPE of at most `size` tokens, of those of `text`, with the family's special tokens and
    template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    family = SPEECH[speech]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(family.specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([text], trainer)
    if family.bos:
        made.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[(family.bos, made.token_to_id(family.bos))]
        )
    pad = family.specials[0]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=family.bos,
        eos_token=family.eos,
        pad_token=pad,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = family.template
    return fast


def config(name: str, vocabulary: int) -> Any:
    """A config of the true architecture: two layers (more where layers differ), 32 wide."""
    from transformers import (
        Gemma3Config,
        Gemma3TextConfig,
        LlamaConfig,
        Phi3Config,
        Qwen3Config,
        SmolLM3Config,
    )

    # wide initial weights: logits far enough apart that rounding decides nothing
    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if name == "qwen3":
        return Qwen3Config(**shape, head_dim=16, tie_word_embeddings=True)
    if name == "smollm2":
        return LlamaConfig(**shape, tie_word_embeddings=True)
    if name == "llama3":
        rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0}
        rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
        return LlamaConfig(**shape, head_dim=8, rope_parameters=rope, tie_word_embeddings=True)
    if name == "phi3":
        return Phi3Config(**shape, sliding_window=48)
    if name == "phi4":
        rope = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
        rope |= {
            "short_factor": [1.0, 1.1],
            "long_factor": [1.0, 4.0],
            "original_max_position_embeddings": 256,
        }
        return Phi3Config(
            **shape, original_max_position_embeddings=256, rope_parameters=rope, tie_word_embeddings=True
        )
    if name == "smollm3":
        return SmolLM3Config(**(shape | {"num_hidden_layers": 4}), no_rope_layers=[1, 1, 1, 0])
    gemma = shape | {
        "num_hidden_layers": 3,
        "sliding_window": 16,
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
    }
    gemma |= {
        "initializer_range": 0.05
    }  # its embeddings are scaled up: with wide weights it only repeats itself
    gemma |= {"layer_types": ["sliding_attention", "sliding_attention", "full_attention"]}
    if name == "gemma3":
        return Gemma3TextConfig(**gemma)
    if name == "gemma3-images":
        vision = {
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        }
        vision |= {"image_size": 28, "patch_size": 14}
        tokens = {"boi_token_index": 3, "eoi_token_index": 3, "image_token_index": 6, "eos_token_id": None}
        return Gemma3Config(text_config=gemma, vision_config=vision, mm_tokens_per_image=4, **tokens)
    raise KeyError(name)


def model(name: str, folder: Path, seed: int = 0) -> Path:
    """Make the model `name` of MODELS with random weights and save it, tokenizer and all, as `folder`."""
    import torch
    from transformers import AutoModelForCausalLM

    speech = SPEECH[MODELS[name][0]]
    words = tokenizer(MODELS[name][0])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = AutoModelForCausalLM.from_config(config(name, len(words)), dtype=torch.float32)
    ends: Sequence[str] = dict.fromkeys([speech.eos, speech.turn_end])  # type: ignore[assignment]
    made.generation_config.eos_token_id = [words.convert_tokens_to_ids(end) for end in ends]
    made.generation_config.pad_token_id = 0
    made.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def roberta_reader(folder: Path) -> Path:
    """A reader of RoBERTa's architecture with random weights, saved as `folder`: no token types, and 64
    places for 66 numbers."""
    import torch
    from transformers import RobertaConfig, RobertaForQuestionAnswering, RobertaTokenizer

    trained = tokenizer("none").backend_tokenizer
    model = json.loads(trained.to_str())["model"]
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    kept = [one for one in model["vocab"] if one not in specials]
    vocabulary = {one: number for number, one in enumerate([*specials, *kept])}
    merges = [tuple(pair) for pair in model["merges"]]
    words = RobertaTokenizer(vocab=vocabulary, merges=merges)
    settings: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    settings |= {"num_attention_heads": 4, "max_position_embeddings": 66, "type_vocab_size": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = RobertaForQuestionAnswering(RobertaConfig(vocab_size=len(vocabulary), **settings))
    made.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
