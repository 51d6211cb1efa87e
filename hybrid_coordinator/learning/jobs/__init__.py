"""Durable jobs: what is learned with a model, or takes long, is done behind the callers.

How another kind of job is added:

1. Name it, and say what an event orders: a rule ``(interaction, outcome, value) -> JobChanges``
   for outcomes (see ``rules``). Its jobs commit with the outcome or not at all. Jobs of other
   causes are given to ``JobRecords.apply`` in the transaction of the cause, or to
   ``JobRecords.order``.
2. Write a handler ``async (Job) -> None``. It may run more than once (a killed process, a job that
   was ordered again), also at the same time in two processes if a connection is cut: what it
   stores must come out the same, as evidence does that is a set of interactions. It reads what it
   works on from the record, by ``job.subject``: between the order and its turn things change.
3. Register ``JobKind(name, noun, handler, obstacle)`` in ``learning.wiring._jobs``, and the
   rule beside it. ``obstacle`` says why no job of the kind can be done now ("no local model
   answers"), None while it can: until then jobs wait and use up no try.

A handler fails by raising. It is tried again after growing rests, and parked with the error's
words after the last. ``UnavailableError`` of the record, the index or the embedder, and a busy
model, use up no try.
"""
