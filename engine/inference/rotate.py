"""Let go of a piece of a key-value cache and close the gap: the keys behind it are turned back by as many
places as were dropped, so that positions never grow past what the model knows.

RoPE turns a key by its place (Su and others 2021); a turn by minus the gap moves it, because turns add up
(Xiao and others 2023 evict this way, 4 first tokens kept). Knows the layouts of the catalog's models:
frequencies for the whole model or for each kind of layer, for all or the first part of a head, and layers
without RoPE.
"""

from typing import Any

from engine.errors import ModelError
from engine.inference.forward import changing


def frequencies(model: Any) -> list[Any]:
    """RoPE's frequencies [width / 2] of each layer, None for a layer without. Raises ModelError for a
    model in which they are not found or change with the length."""
    config = model.config.get_text_config()
    rope = next((module for module in model.modules() if hasattr(module, "rope_type")), None)
    if rope is None or changing(model.config):
        raise ModelError(
            "This model's places cannot be moved (no RoPE, or one that changes with the length): it cannot "
            "read a text longer than its window; use retrieval alone."
        )
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    turned = getattr(config, "no_rope_layers", None) or [1] * config.num_hidden_layers
    found = []
    for kind, turns in zip(kinds, turned, strict=True):
        own = getattr(rope, f"{kind}_inv_freq", None)
        found.append((own if own is not None else rope.inv_freq) if turns else None)
    return found


def drop(cache: Any, start: int, count: int, turns: list[Any]) -> None:
    """Forget `count` tokens from place `start` on; what stood behind them moves up, keys turned to their
    new places. Keys of [rows, heads, places, width] pair up place i with i + half of what is turned, as
    Llama's do."""
    import torch

    with torch.inference_mode():
        for layer, turn in zip(cache.layers, turns, strict=True):
            end, held = start + count, layer.held
            keys, values = layer.keys[:, :, end:held].clone(), layer.values[:, :, end:held].clone()
            if turn is not None:
                keys = moved(keys, turn, -count)
            layer.keys[:, :, start : held - count] = keys
            layer.values[:, :, start : held - count] = values
            layer.held = held - count


def moved(keys: Any, turn: Any, places: int) -> Any:
    """Keys turned by so many places, in their own number format; summed in float32."""
    import torch

    angle = (turn.float() * places).repeat(2)
    width = angle.shape[-1]
    part = keys[..., :width].float()
    first, second = part.chunk(2, -1)
    done = part * angle.cos() + torch.cat([-second, first], -1) * angle.sin()
    return torch.cat([done.to(keys.dtype), keys[..., width:]], -1)
