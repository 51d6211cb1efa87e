"""Names that are left out whatever the ignore files say: what is not source, and secrets."""

from __future__ import annotations

import re
from pathlib import Path

from hybrid_coordinator.knowledge.code.read import SkipReason


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DIRECTORIES = _words(
    # version control
    ".git .hg .svn .bzr .jj _darcs cvs "
    # installed packages and virtual environments
    "node_modules bower_components jspm_packages .venv venv .env .virtualenv virtualenv .direnv "
    "site-packages .pnpm-store .yarn .bundle pods carthage .cargo .rustup "
    # caches
    "__pycache__ .pytest_cache .mypy_cache .ruff_cache .hypothesis .tox .nox .cache .parcel-cache "
    ".ipynb_checkpoints .gradle .m2 .ccls-cache .clangd .terraform .serverless .turbo .nx "
    ".sass-cache .eggs .pytype .pyre .dart_tool .angular .import_linter_cache "
    # build output and what editors leave
    "_build cmake-build-debug cmake-build-release deriveddata .next .nuxt .output .svelte-kit "
    ".docusaurus htmlcov .nyc_output storybook-static .idea .vs"
)
_OUTPUT_DIRECTORIES = frozenset({"build", "dist", "target", "out", "coverage"})
_SOURCE_DIRECTORIES = frozenset({"src", "source", "sources", "lib"})
SECRET_DIRECTORIES = frozenset(
    {".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store", ".envs"}
)
MARKERS = frozenset({"pyvenv.cfg", "CACHEDIR.TAG", "coordinator.lock"})
"""Files that mark the directory they are in as a virtual environment, a cache, or a home of the
coordinator: watching what it writes itself would never end."""

_LOCK_FILES = _words(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml pnpm-lock.yml bun.lock "
    "bun.lockb deno.lock cargo.lock poetry.lock uv.lock pdm.lock pipfile.lock pixi.lock "
    "composer.lock gemfile.lock podfile.lock mix.lock rebar.lock pubspec.lock flake.lock go.sum "
    "go.work.sum gradle.lockfile packages.lock.json package.resolved .terraform.lock.hcl "
    "conda-lock.yml cabal.project.freeze stack.yaml.lock module.bazel.lock"
)
_GENERATED_FILE = re.compile(
    r".*(?:[.-]min\.(?:js|mjs|cjs|css|html)|\.(?:bundle|chunk)\.(?:js|mjs|css)|\.(?:js|mjs|cjs|css)"
    r"\.map|\.d\.ts\.map|_pb2(?:_grpc)?\.pyi?|\.pb\.(?:go|cc|h)|\.snap)"
)
_BINARY_FILE = re.compile(
    r".*\.(?:png|jpe?g|gif|webp|bmp|ico|icns|tiff?|psd|avif|heic|mp[34]|m4[av]|wav|flac|ogg|webm|mov"
    r"|avi|mkv|ttf|otf|woff2?|eot|pdf|docx?|xlsx?|pptx?|odt|zip|gz|tgz|bz2|xz|zst|7z|rar|tar|jar|war"
    r"|whl|egg|apk|ipa|dmg|iso|exe|dll|so|dylib|a|o|obj|lib|pyc|pyo|pyd|class|wasm|db|sqlite3?"
    r"|parquet|arrow|feather|npy|npz|h5|hdf5|pkl|pickle|pt|pth|onnx|safetensors|gguf|bin|dat|mo)"
)
_DATA_FILE = re.compile(
    r".*\.(?:csv|tsv|psv|jsonl|ndjson|geojson|log|lcov|svg|po|pot|srt|vtt|diff|patch|orig|rej|bak)"
)
_SECRET_FILE = re.compile(
    r"\.env.*|.*\.env|"
    # keys and certificates with keys
    r".*\.(?:pem|key|p12|pfx|pkcs12|jks|keystore|ppk|keytab|kdbx?|gpg|pgp|ovpn|p8|age)|"
    r"id_(?:rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk).*|.*_(?:rsa|dsa|ecdsa|ed25519)|"
    # credentials of tools
    r"\.?netrc|_netrc|\.pgpass|\.my\.cnf|\.npmrc|\.yarnrc\.yml|\.pypirc|\.htpasswd|\.dockercfg|"
    r"\.dockerconfigjson|\.git-credentials|\.s3cfg|\.boto|\.vault[-_](?:pass|password|token).*|"
    r"kubeconfig|credentials|.*\.(?:tfvars|tfstate)(?:\.(?:json|backup))?|"
    r"(?:.*[-_.])?(?:credentials?|secrets?|client[-_]?secrets?.*|service[-_]?account.*)"
    r"\.(?:json|ya?ml|toml|ini|cfg|conf|properties|txt|xml|enc)"
)


def directory_reason(root: Path, path: str) -> SkipReason | None:
    """Why the directory ``path`` (relative to ``root``) is not entered, None where it is.

    Names such as ``build`` are output, unless they are below a directory of sources or are
    Python packages.
    """
    *above, name = path.lower().split("/")
    if name in SECRET_DIRECTORIES:
        return SkipReason.SECRET
    if name in _OUTPUT_DIRECTORIES:
        source = not _SOURCE_DIRECTORIES.isdisjoint(above) or (root / path / "__init__.py").exists()
        return None if source else SkipReason.IGNORED
    left_out = name in _DIRECTORIES or name.endswith(".egg-info")
    return SkipReason.IGNORED if left_out else None


def file_reason(name: str) -> SkipReason | None:
    """Why a file of this name is not opened, None where it is."""
    folded = name.lower()
    if _SECRET_FILE.fullmatch(folded):
        return SkipReason.SECRET
    if folded in _LOCK_FILES or _GENERATED_FILE.fullmatch(folded):
        return SkipReason.IGNORED
    if _DATA_FILE.fullmatch(folded):
        return SkipReason.DATA
    return SkipReason.BINARY if _BINARY_FILE.fullmatch(folded) else None
