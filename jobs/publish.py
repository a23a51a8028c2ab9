"""Write an experiment as a Space: a folder that answers on its own, with everything it needs but packages.

What is put in is listed here, file by file; nothing else of the workspace goes along. The folder can be
pushed to a hub. Answers nothing itself but the samples.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.artifact import MANIFEST, read_manifest, write_json, writing
from engine.catalog import EMBEDDED, lookup
from engine.errors import ConfigError, ModelError
from jobs import parity, spacefiles
from jobs.needed import ROOT, modules, packages
from jobs.opened import QUESTIONS, Opened, model_of, open_experiment, write_questions
from jobs.workspace import artifact, home

ENTRIES = ("app.playground", "jobs.parity", "jobs.console")
HOME = "home"
LARGEST = 100_000_000  # bytes
TOKEN = "HF_TOKEN"
CALIBRATION = ("report.md", "curves.json", "curve.svg", "reliability.svg", MANIFEST)
WEIGHTS = ("*.json", "*.safetensors", "*.jinja", "*.txt", "README.md")
Say = Callable[[str], None]


def publish(folder: Path, name: str, say: Say = lambda words: None) -> dict[str, Any]:
    """Write the Space of the experiment `name` to `folder` and return its manifest.

    Raises ConfigError for a folder that holds something else, ModelError where the adapter does not fit what
    would be served, and LabError for whatever of the experiment is missing.
    """
    _check_folder(folder)
    opened = open_experiment(name)
    say(f"checking {name}: its adapter, and {parity.SAMPLES} answers that the Space must give too")
    warnings = opened.warnings(model_of(opened.arm))
    samples = parity.sample(opened)
    manifest: dict[str, Any] = {"kind": "space", "name": name, "arm": opened.arm, "warnings": warnings}
    with writing(folder, manifest) as place:
        _code(place)
        _models(place, opened)
        _artefacts(place / HOME / "artifacts", opened)
        parity.write(place / parity.FILE, samples)
        files = _files(place)
        _scrub(place, files)
        size = sum(file.stat().st_size for file in files)
        if size > LARGEST:
            raise ConfigError(
                f"The Space would take {size / 1e6:.0f} MB and {LARGEST / 1e6:.0f} MB is the most: publish "
                "an experiment on a smaller model or with fewer documents."
            )
        manifest |= {"files": len(files), "bytes": size, "large": opened.manifest["spec"]["large"]}
    return manifest


def push(folder: Path, repo: str, *, endpoint: str | None = None) -> str:
    """Upload the Space in `folder` to `repo` (owner/name) and return its address. The repository is made,
    private, if it is not there. The token is read from HF_TOKEN. Raises ConfigError without one and
    ModelError when the hub refuses."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import httpx

    token = os.environ.get(TOKEN)
    if not token:
        raise ConfigError(f"Pushing needs a token that may write: set {TOKEN} in the environment.")
    if read_manifest(folder).get("kind") != "space":
        raise ConfigError(f"{folder} is not a Space: publish one there first.")
    api = HfApi(endpoint=endpoint, token=token)
    try:
        api.create_repo(repo, repo_type="space", space_sdk="gradio", private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repo, repo_type="space", folder_path=folder, commit_message="Publish from Bantam"
        )
    except HFValidationError as error:
        raise ConfigError(f"{repo!r} is no name of a Space: use owner/name.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise ModelError(
            f"The hub answered {status} for the Space {repo!r}: check its name, and that {TOKEN} may write "
            "to it."
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise ModelError(
            f"The hub {api.endpoint} cannot be reached ({type(error).__name__}): check the network; the "
            f"Space in {folder} is whole, and the same command pushes it again."
        ) from error
    return f"{api.endpoint}/spaces/{repo}"


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a folder for the Space.")
    ours = (folder / MANIFEST).is_file() and read_manifest(folder).get("kind") == "space"
    if any(folder.iterdir()) and not ours:
        raise ConfigError(f"{folder} holds something else than a Space: name an empty or a new folder.")


def _code(place: Path) -> None:
    found = modules(ENTRIES)
    for file in found.values():
        _copy(file, place / file.relative_to(ROOT))
    for file in (ROOT / "app" / "play").glob("*.css"):
        _copy(file, place / file.relative_to(ROOT))
    _copy(ROOT / "LICENSE", place / "LICENSE")
    pins = packages(list(found.values()))
    (place / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    (place / "main.py").write_text(spacefiles.MAIN, encoding="utf-8")


def _models(place: Path, opened: Opened) -> None:
    """The embedded models that answer; SmolLM2's own weights come from the hub."""
    from engine.inference.weights import FOLDERS

    spec = opened.manifest["spec"]
    for name in dict.fromkeys((spec["small"], spec["large"], "bantam-reader")):
        if name in FOLDERS:
            for pattern in WEIGHTS:
                for file in (EMBEDDED / FOLDERS[name]).glob(pattern):
                    _copy(file, place / file.relative_to(ROOT))
        elif lookup(name).source == "folder":
            raise ConfigError(
                f"The model {name!r} is a folder of this machine: a Space takes embedded models and hub ids."
            )


def _artefacts(place: Path, opened: Opened) -> None:
    made = opened.manifest
    experiment = place / "experiment" / opened.name
    _copy(opened.place / "report" / "report.csv", experiment / "report" / "report.csv")
    write_questions(experiment, opened.questions)
    spec = made["spec"] | {"documents": _last(made["spec"]["documents"]), "questions": QUESTIONS}
    write_json(experiment / MANIFEST, made | {"spec": spec})
    shutil.copytree(artifact("index", made["index"]), place / "index" / made["index"])
    if opened.adapter is not None:
        shutil.copytree(opened.adapter, place / "adapter" / opened.adapter.name)
    calibration = artifact("calibration", opened.name)
    for file in CALIBRATION if opened.calibrated else ():
        if (calibration / file).is_file():  # not the answers it was measured on
            _copy(calibration / file, place / "calibration" / opened.name / file)
    text = spacefiles.readme(opened.name, len({chunk.document for chunk in opened.index.chunks}), made)
    (place.parents[1] / "README.md").write_text(text, encoding="utf-8")


def _scrub(place: Path, files: list[Path]) -> None:
    """No path of this machine in any JSON: an absolute one becomes its last part."""
    for file in files:
        if file.suffix == ".json" and (place / HOME) in file.parents:
            text = file.read_text(encoding="utf-8")
            value = json.loads(text)
            if (clean := _clean(value)) != value:
                write_json(file, clean)
    here = {str(ROOT), str(home()), str(Path.home())} - {"/"}
    for file in files:
        if file.suffix in (".json", ".jsonl", ".csv", ".txt", ".md", ".py"):
            text = file.read_text(encoding="utf-8")
            for path in here:
                if f"{path}/" in text:
                    raise ConfigError(f"{file.relative_to(place)} names a path of this machine: {path}.")


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _last(value) if isinstance(value, str) and Path(value).is_absolute() else value


def _last(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)


def _files(place: Path) -> list[Path]:
    return sorted(file for file in place.rglob("*") if file.is_file())
