"""The exception tree: one root, one class a cause a caller can act on.

    HybridError
     ├─ InvalidArgumentError     a caller's value is off: names the field and what is allowed
     │   └─ PromptTooLongError         a prompt that a model's context does not hold
     ├─ NotFoundError            an id or a path that does not exist
     ├─ AccessDeniedError        whoever asks may not do this
     │   ├─ NotAuthenticatedError      it is not known who asks
     │   └─ TooManyRequestsError       they ask too often
     ├─ SettingsError            hybrid.yaml or the environment is off
     ├─ UnavailableError         a part that is needed does not answer
     │   ├─ RecordUnavailableError     Postgres
     │   ├─ IndexUnavailableError      Qdrant
     │   ├─ EmbedderUnavailableError   the embedding endpoint
     │   └─ ModelUnavailableError      no model endpoint answers
     │       └─ ModelBusyError             it answers, and takes no work at the moment
     │           └─ ModelLoadingError          it is still loading the model
     ├─ StorageError             a store answers, and refuses (disk full, damaged files)
     ├─ EmbeddingMismatchError   an index was built by another embedding model
     ├─ ModelReplyError          a model answered with an error, or with nothing usable
     │   ├─ ConnectionCutError         the connection broke while it answered
     │   └─ EmptyAnswerError           it answered in full, with nothing usable
     ├─ BudgetError              a remote call may not be paid for
     │   ├─ BudgetExceededError        the day's budget does not hold it
     │   └─ UnknownPriceError          nobody knows what it costs
     └─ OwnershipError           another process owns the data directory

Every message names the cause and the next step. Driver exceptions are mapped to this tree
once, where the driver is called, with ``from``.

Whether to try the same thing again is for the error to say: see ``HybridError.retry_after``.
"""

from __future__ import annotations

__all__ = [
    "AccessDeniedError",
    "BudgetError",
    "BudgetExceededError",
    "ConnectionCutError",
    "EmbedderUnavailableError",
    "EmbeddingMismatchError",
    "EmptyAnswerError",
    "HybridError",
    "IndexUnavailableError",
    "InvalidArgumentError",
    "ModelBusyError",
    "ModelLoadingError",
    "ModelReplyError",
    "ModelUnavailableError",
    "NotAuthenticatedError",
    "NotFoundError",
    "OwnershipError",
    "PromptTooLongError",
    "RecordUnavailableError",
    "SettingsError",
    "StorageError",
    "TooManyRequestsError",
    "UnavailableError",
    "UnknownPriceError",
]


class HybridError(Exception):
    """Root of everything this package raises on purpose.

    ``retry_after`` is in how many seconds the same call may succeed where it was made; None where
    trying again does not help, or not soon.
    """

    retry_after: float | None = None


class InvalidArgumentError(HybridError):
    """A caller's value is off. The message is ``field: what is wrong; what is allowed``."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class PromptTooLongError(InvalidArgumentError):
    """A model's context does not hold the prompt. ``tokens`` and ``context_length`` are None where
    the server gives no numbers."""

    def __init__(
        self, problem: str, *, tokens: int | None = None, context_length: int | None = None
    ) -> None:
        super().__init__("prompt", problem)
        self.tokens = tokens
        self.context_length = context_length


class NotFoundError(HybridError):
    """An id or a path that does not exist."""


class AccessDeniedError(HybridError):
    """Whoever asks may not do this. The message says what would be needed."""


class NotAuthenticatedError(AccessDeniedError):
    """It is not known who asks: no token, or one that does not hold."""


class TooManyRequestsError(AccessDeniedError):
    """They ask too often. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SettingsError(HybridError):
    """hybrid.yaml or the environment holds a value that cannot be used."""


class UnavailableError(HybridError):
    """A part that is needed does not answer; the same call may succeed later."""


class RecordUnavailableError(UnavailableError):
    """Postgres does not answer."""


class IndexUnavailableError(UnavailableError):
    """Qdrant does not answer."""


class EmbedderUnavailableError(UnavailableError):
    """The embedding endpoint does not answer."""


class ModelUnavailableError(UnavailableError):
    """No model endpoint answers. The message lists what was probed and how to start one."""


class ModelBusyError(ModelUnavailableError):
    """A model endpoint answers, and takes no work at the moment: too many requests, overloaded.

    ``retry_after`` is in seconds, None where it does not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelLoadingError(ModelBusyError):
    """A model endpoint is still loading the model, which is not a failure of it."""


class StorageError(HybridError):
    """A store answers, and refuses: the disk is full, or its files are damaged."""


class DuplicateError(StorageError):
    """Another writer has just stored what may be there once."""


class EmbeddingMismatchError(HybridError):
    """An index was built by another embedding model; ``reindex`` moves it."""


class ModelReplyError(HybridError):
    """A model answered with an error, or with nothing usable."""


class ConnectionCutError(ModelReplyError):
    """The connection to a model endpoint broke while it answered."""


class EmptyAnswerError(ModelReplyError):
    """A model answered in full, and said nothing or refused to; its endpoint works.

    ``tokens_in`` and ``tokens_out`` are what the server counted all the same, thinking included;
    None where it does not say.
    """

    def __init__(
        self, message: str, *, tokens_in: int | None = None, tokens_out: int | None = None
    ) -> None:
        super().__init__(message)
        self.tokens_in = tokens_in
        self.tokens_out = tokens_out


class BudgetError(HybridError):
    """A remote call may not be paid for; local ones always may."""


class BudgetExceededError(BudgetError):
    """What is left of the day's budget does not hold the most that a call can cost."""


class UnknownPriceError(BudgetError):
    """No price is known for a model, so no budget could count it."""


class OwnershipError(HybridError):
    """Another process owns the data directory."""
