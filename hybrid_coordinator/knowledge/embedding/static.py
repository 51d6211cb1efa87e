"""The shipped embedding model: one int8 vector a token, a text is the sum of its tokens."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.embedding.protocol import EmbedderIdentity
from hybrid_coordinator.knowledge.embedding.texts import bounded, direction_of
from hybrid_coordinator.knowledge.embedding.tokens import WordTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from hybrid_coordinator.knowledge.embedding.protocol import Vector

MODEL_FOLDER = Path(__file__).parent / "model"

_DIRECT_CHARACTERS = 4_000
"""Up to here embedding takes 2 ms at most and is done on the loop: a query takes 0.03 ms, four
times that with a thread."""

_CHARACTERS_PER_TEXT = 64
"""What a text costs beside its characters, in characters."""


class StaticEmbedder:
    """Embeds with the static model of a folder in model2vec's format, never over a network.

    The tokenizer and the vectors are read on first use, in a thread. They are used directly
    rather than through ``model2vec.StaticModel``, whose import and loading take longer than
    all of ours; the results are the same.

    A text without a known token has no meaning to the model; it gets a pseudo-random direction
    of its own (see ``direction_of``), so that it is like itself and like nothing else.

    Raises:
        EmbedderUnavailableError: the folder has no readable configuration.
    """

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        self._folder = folder
        self._identity = _read_identity(folder)
        self._model: _StaticModel | None = None
        self._loading = asyncio.Lock()

    async def identity(self) -> EmbedderIdentity:
        """The model's identity, as its configuration has it."""
        return self._identity

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order, each of length 1.

        Raises:
            EmbedderUnavailableError: the model's files are missing or damaged.
        """
        model = self._model or await self._load()
        if sum(len(text) + _CHARACTERS_PER_TEXT for text in texts) <= _DIRECT_CHARACTERS:
            return model.embed(texts)
        return await asyncio.to_thread(model.embed, texts)

    async def close(self) -> None:
        """Let go of the model's memory."""
        self._model = None

    async def _load(self) -> _StaticModel:
        async with self._loading:
            if self._model is None:
                self._model = await asyncio.to_thread(
                    _StaticModel, self._folder, self._identity.revision
                )
            return self._model


class _StaticModel:
    """The loaded model. Stateless, so threads may share it."""

    def __init__(self, folder: Path, revision: str) -> None:
        try:
            vectors = (folder / "model.safetensors").read_bytes()
            tokenizer = (folder / "tokenizer.json").read_bytes()
        except OSError as error:
            raise _damaged(folder, str(error)) from error
        found = hashlib.sha256(vectors + tokenizer).hexdigest()[:16]
        if found != revision:
            raise _damaged(folder, f"its files have revision {found}, not {revision}")

        from safetensors.numpy import load
        from tokenizers import Tokenizer

        self._vectors: NDArray[np.int8] = load(vectors)["embeddings"]
        self._tokens = WordTokens(Tokenizer.from_buffer(tokenizer))

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        import numpy as np

        sums = np.empty((len(texts), self._vectors.shape[1]), np.float32)
        for row, text in enumerate(texts):
            ids = self._tokens.ids(bounded(text))
            # Sums of int8 stay exact in float32 (below 2 ** 24 for 8,000 tokens), so the result
            # does not depend on the order of addition.
            self._vectors[np.array(ids, np.intp)].sum(axis=0, dtype=np.float32, out=sums[row])
        for empty in np.flatnonzero(~sums.any(axis=1)).tolist():
            sums[empty] = direction_of(texts[empty], sums.shape[1])
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return list(sums.tolist())


def _read_identity(folder: Path) -> EmbedderIdentity:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return EmbedderIdentity(
            name=config["name"], dimension=config["hidden_dim"], revision=config["revision"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"config.json: {error}") from error


def _damaged(folder: Path, problem: str) -> EmbedderUnavailableError:
    return EmbedderUnavailableError(
        f"The embedding model in {folder} cannot be used: {problem}. "
        "Install hybrid-coordinator again, or set embedding.provider to ollama or openai."
    )
