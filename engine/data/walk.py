"""The files below a folder, sorted; hidden ones skipped, links followed only inside it. Opens no file."""

import os
from pathlib import Path

from engine.data.formats import printable
from engine.data.shelf import Place, Shelf


def walk(shelf: Shelf, root: Path) -> dict[str, Path]:
    """The files below a folder by their relative name. Links are followed to files inside it only; what can't
    be followed or listed is refused on the shelf."""
    files: dict[str, Path] = {}
    links: dict[str, Path] = {}

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        shelf.reject(Place(printable(name)), f"the folder cannot be read: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in [*names, *folders]:
            path = Path(folder, name)
            relative = printable(path.relative_to(root).as_posix())
            if name.startswith("."):
                continue
            if path.is_symlink():
                links[relative] = path
            elif name in names:
                files[relative] = path
    real, read = Path(os.path.realpath(root)), {os.path.realpath(path) for path in files.values()}
    for relative, path in sorted(links.items()):
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(real):
            shelf.reject(Place(relative), "a link that leads out of the folder")
        elif not target.exists():
            shelf.reject(Place(relative), "a link to nothing")
        elif target.is_file() and str(target) not in read:
            files[relative] = path
            read.add(str(target))
    return dict(sorted(files.items()))
