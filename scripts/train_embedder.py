"""Train the shipped embedding model on documented code, from the distilled one.

    pip install '.[train]'
    python scripts/train_embedder.py --work DIR [--target FOLDER]

Gets the packages of scripts/embedder_training/packages.tsv by their registries' own clients (pip's
finder, npm, cargo, go, mvn, apt-get) into DIR, cuts them into examples, and writes vectors,
tokenizer, configuration and model card into FOLDER (default: the package's model folder). What is
in DIR is not made again. Seeds are fixed: two runs on one machine differ at most where the numeric
libraries add in another order, which the revision then shows.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from distil_embedder import distil, work_alone, write

if TYPE_CHECKING:
    import numpy as np
    from embedder_training.examples import Example
    from embedder_training.packages import Package
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

SCRIPTS = Path(__file__).parent
NAME = "hybrid-code-static"
TARGET = SCRIPTS.parent / "hybrid_coordinator/knowledge/embedding/model"
CARD = SCRIPTS / "embedder_training" / "card.md"
SEED = 7
THREADS = 2


def main() -> None:
    """Get the packages, learn, write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--target", type=Path, default=TARGET, metavar="FOLDER")
    arguments = parser.parse_args()
    work_alone()
    tokenizer, vectors, examples = train(arguments.work)
    revision = write(arguments.target, NAME, vectors, tokenizer)
    (arguments.target / "README.md").write_text(card(revision, examples), encoding="utf-8")
    print(f"{arguments.target}: revision {revision}")


def train(work: Path) -> tuple[Tokenizer, NDArray[np.int8], list[Example]]:
    """The tokenizer, its vectors, and what they were learned from."""
    import numpy as np
    import torch
    from embedder_training.corpus import Ragged, distinct, extract, tokenise
    from embedder_training.fitting import Recipe, fit
    from embedder_training.packages import excluded, fetch, manifest
    from embedder_training.vocabulary import for_code

    torch.set_num_threads(THREADS)
    learned_from = [package for package in manifest() if package.use == "train"]
    archives = {package.label: fetch(package, work / "packages") for package in learned_from}
    examples = list(distinct(extract(archives, work / "examples"), excluded()))
    print(f"{len(archives)} packages, {len(examples)} examples")
    start = distil()
    tokenizer, vectors = for_code(
        start.tokenizer,
        start.embedding.astype(np.float32),
        Ragged.of([example.text for example in examples], start.tokenizer),
        Ragged.of([example.whole for example in examples], start.tokenizer),
        [example.package for example in examples],
    )
    fitted = fit(tokenise(examples, tokenizer, SEED), vectors, Recipe(seed=SEED), print)
    return tokenizer, quantised(fitted), examples


def quantised(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """In int8, with one scale for all: a sum of rows is compared by its direction only."""
    import numpy as np

    return np.rint(vectors * (127 / np.abs(vectors).max())).astype(np.int8)


def card(revision: str, examples: list[Example]) -> str:
    """The model card."""
    from embedder_training.packages import manifest

    packages = manifest()
    kinds = Counter(example.kind for example in examples)
    languages = Counter(example.language for example in examples)
    return CARD.read_text(encoding="utf-8").format(
        name=NAME,
        revision=revision,
        examples=f"{len(examples):,}",
        kinds=_counted(kinds),
        languages=_counted(Counter(dict(languages.most_common(18)))),
        packages=_counted(Counter(each.ecosystem for each in packages if each.use == "train")),
        licences=_counted(Counter(map(licence_family, packages))),
        seed=SEED,
    )


def licence_family(package: Package) -> str:
    """The licence in short; a choice of several is the first of these."""
    folded = package.licence.lower()
    families = ("Apache", "MIT", "BSD", "ISC", "PSF", "Python", "Zlib", "Boost", "Unlicense")
    return next((family for family in families if family.lower() in folded), "other permissive")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


if __name__ == "__main__":
    main()
