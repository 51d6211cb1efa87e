// Words for what the record names by a key. A key that is not known stands for itself.

const COLLECTIONS = {
  "codebase-context": "Code",
  "skills-patterns": "Skills and patterns",
  "error-solutions": "Error solutions",
  "best-practices": "Best practices",
  "interaction-history": "Past work",
};

const ORIGINS = {
  pattern: "Pattern from what worked",
  failure: "Failure that was solved",
  skill: "Accepted skill",
  stated: "Stated",
  import: "From another machine",
};

const JOBS = {
  extract_pattern: "Look for a pattern",
  weigh_patterns: "Weigh patterns anew",
  word_skill: "Word a skill",
  "write-dataset": "Write a dataset",
};

const REASONS = {
  unverified: "outcome not certain enough",
  refusal: "the answer refuses or asks back",
  truncated: "the answer is cut off",
  empty_query: "nothing was asked",
  empty_response: "nothing was answered",
  repetitive: "the answer runs in circles",
  not_text: "not text",
  tool_calls_out_of_order: "steps are missing",
  too_long: "too long to train on",
  injected_context: "holds context of the coordinator",
  duplicate: "the same as another",
  near_duplicate: "nearly the same as another",
  bridges_splits: "like examples of two splits",
  task_over_represented: "its task is in often enough",
  no_pair: "no failed answer to compare with",
  same_answer: "the failed answer is the same",
  over_max_examples: "more than were asked for",
};

const named = (names) => (key) => names[key] ?? key;

/** A collection, by its name in the index. */
export const collection = named(COLLECTIONS);
/** Where an entry comes from. */
export const origin = named(ORIGINS);
/** What a job does. */
export const job = named(JOBS);
/** Why something made no example of a dataset. */
export const reason = named(REASONS);

/** [value, words] of all of them, for a filter, with one for all first. */
export const choices = (names, all) => [["", all], ...Object.entries(names)];
export const COLLECTION_CHOICES = choices(COLLECTIONS, "All collections");
export const ORIGIN_CHOICES = choices(ORIGINS, "All origins");
