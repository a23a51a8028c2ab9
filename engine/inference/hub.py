"""A model of a model hub: the one in the local hub cache if it is whole there, else the hub is asked once and
briefly before anything is fetched from it. Loads and fetches nothing itself.
"""

import json
from pathlib import Path

from engine.catalog import Entry, names
from engine.errors import ModelError

PROBE_SECONDS = 5


def place(entry: Entry) -> str:
    """The folder in the hub cache, or the hub id to fetch. Raises ModelError when the hub can't be asked or
    has no such model."""
    found = _cached(entry)
    if found is None:
        _probe(entry.hub_id)
    return entry.hub_id if found is None else str(found)


def _cached(entry: Entry) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    needed = ["config.json", *(["modules.json"] if entry.kind == "embedder" else [])]
    try:
        found = [try_to_load_from_cache(entry.hub_id, file) for file in needed]
    except HFValidationError as error:
        raise ModelError(
            f"{entry.hub_id!r} is no hub id: use owner/name, or one of {_some_names()}."
        ) from error
    if not all(isinstance(file, str) for file in found):
        return None
    snapshot = Path(str(found[0])).parent
    try:
        index = json.loads((snapshot / "model.safetensors.index.json").read_text(encoding="utf-8"))
        files = set(index["weight_map"].values())
    except FileNotFoundError:
        files = {"model.safetensors"}
    except (OSError, ValueError, KeyError):
        return None
    whole = all((snapshot / file).is_file() for file in files) and any(snapshot.glob("tokenizer*"))
    return snapshot if whole else None


def _probe(hub_id: str) -> None:
    """Ask the hub for the model's config, once and for PROBE_SECONDS: from_pretrained itself would
    try for half a minute."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    offline = f"use a model that is on this machine ({_some_names()}, or a folder)"
    try:
        get_hf_file_metadata(hf_hub_url(hub_id, "config.json"), timeout=PROBE_SECONDS)
    except OfflineModeIsEnabled as error:
        raise ModelError(
            f"{hub_id!r} is not in the local hub cache and HF_HUB_OFFLINE is set: unset it, or {offline}."
        ) from error
    except EntryNotFoundError as error:
        raise ModelError(
            f"{hub_id!r} on the hub has no config.json: choose a model in transformers' format."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403, 404):
            raise ModelError(
                f"The model {hub_id!r} does not exist on the hub or is gated (it answered {status}): check "
                "the name; if it is gated, accept its licence there and set HF_TOKEN; or use one of "
                f"{_some_names()}."
            ) from error
        raise ModelError(
            f"The hub answered {status} for {hub_id!r}: try again later, or {offline}."
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ModelError(
            f"The hub {constants.ENDPOINT} cannot be reached to fetch {hub_id!r} ({type(error).__name__}): "
            f"check the network, or {offline}."
        ) from error


def _some_names() -> str:
    return ", ".join(names()[:3])
