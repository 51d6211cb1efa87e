"""Writes a GGUF of random weights: a real model for the real llama-server, in half a megabyte."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WIDTH = 64
LAYERS = 1
HEADS = 2
FEED_FORWARD = 128
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ':' + message['content'] + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def write_tiny_gguf(path: Path, *, context_length: int = 4096, only_bytes: bool = False) -> None:
    """Write a one-layer llama model whose vocabulary is one token for each printable ASCII
    character, space and newline.

    With ``only_bytes`` the vocabulary also holds the 256 byte tokens, and the model generates
    nothing else, which makes invalid UTF-8.
    """
    tokens = ["<unk>", "<s>", "</s>"]
    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    if only_bytes:
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
        types += [gguf.TokenType.BYTE] * 256
    # SentencePiece writes a space as U+2581.
    text = ["\n", "\u2581", *(chr(code) for code in range(0x21, 0x7F))]
    tokens += text
    types += [gguf.TokenType.NORMAL] * len(text)

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(context_length)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    _add_weights(writer, len(tokens), silent=len(text) if only_bytes else 0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_weights(writer: gguf.GGUFWriter, vocabulary: int, *, silent: int) -> None:
    """Random weights; the last ``silent`` tokens of the vocabulary are never the likeliest."""
    random = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 0.5, (rows, columns)).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    writer.add_tensor("token_embd.weight", matrix(vocabulary, WIDTH))
    writer.add_tensor("output_norm.weight", ones)
    output = matrix(vocabulary, WIDTH)
    output[vocabulary - silent :] = 0
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        writer.add_tensor(f"{name}attn_norm.weight", ones)
        writer.add_tensor(f"{name}ffn_norm.weight", ones)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{name}{part}.weight", matrix(WIDTH, WIDTH))
        writer.add_tensor(f"{name}ffn_gate.weight", matrix(FEED_FORWARD, WIDTH))
        writer.add_tensor(f"{name}ffn_up.weight", matrix(FEED_FORWARD, WIDTH))
        writer.add_tensor(f"{name}ffn_down.weight", matrix(WIDTH, FEED_FORWARD))
