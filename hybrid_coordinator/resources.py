"""Where the collections' data lies: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from hybrid_coordinator.errors import StorageError

_PACKAGE = Path(__file__).parent


def collections_folder() -> Path:
    """The folder with one YAML file a collection, and ``seeds``.

    Raises:
        StorageError: it is not there; the installation is damaged.
    """
    # A folder called collections may lie beside the package anywhere; ours holds our files.
    for folder in (_PACKAGE / "_collections", _PACKAGE.parent / "collections"):
        if (folder / "codebase-context.yaml").is_file():
            return folder
    raise StorageError(
        f"The collections' definitions are missing beside {_PACKAGE}. "
        "Install hybrid-coordinator again."
    )
