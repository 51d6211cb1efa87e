// Interactions: a list to filter, sort and page through.

import { badge } from "../components/marks.js";
import { table } from "../components/table.js";
import { duration, fullTime, NONE, number, time } from "../lib/format.js";
import { html, nothing, render } from "../lib/html.js";

export const title = "Interactions";

const OUTCOMES = [
  ["", "Any"], ["success", "Success"], ["partial", "Partial"], ["failure", "Failure"],
  ["unknown", "Unknown"], ["none", "Nobody judged it"],
];
const AGENTS = [["", "Anyone"], ["local", "A local model"], ["remote", "A remote agent"]];
const VALUES = [["", "Any"], ["0.7", "0.7 and more"], ["0.5", "0.5 and more"], ["0.9", "0.9 and more"]];

export function mount(element, context) {
  const { project } = context.scope;
  const facets = context.api.get("/api/facets", { project }, context.signal);
  const choices = async (kind) => [["", "Any"], ...(await facets)[kind].map((name) => [name, name])];
  render(table({
    caption: "interactions",
    context,
    query: context.query,
    kinds: ["interactions", "outcomes"],
    sort: { by: "created_at", descending: true },
    none: "Nothing was recorded yet.",
    filters: [
      { name: "text", label: "Asked or answered", type: "search" },
      { name: "outcome", label: "How it ended", type: "select", options: OUTCOMES },
      { name: "agent_type", label: "Who did it", type: "select", options: AGENTS },
      { name: "model", label: "Model", type: "select", options: choices("models") },
      { name: "task_type", label: "Kind of work", type: "select", options: choices("task_types") },
      { name: "min_value", label: "Value", type: "select", options: VALUES },
      { name: "since", label: "From", type: "date" },
      { name: "until", label: "To, included", type: "date" },
    ],
    columns: columns(context),
    load: ({ until, ...rest }, signal) =>
      context.api.get("/api/interactions", { project, ...rest, until: dayAfter(until) }, signal),
  }), element);
}

/** The server takes what was before a moment; a reader means the whole day. */
function dayAfter(day) {
  if (!day) return "";
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return next.toISOString().slice(0, 10);
}

function columns(context) {
  const opened = (row) => context.link(`/interactions/${row.id}`);
  return [
    { key: "query", title: "What was asked", kind: "wide", cell: (row) => html`<a class="clip" href=${opened(row)}>${row.query.trim() || "(nothing)"}</a>` },
    { key: "created_at", title: "When", kind: "moment", sort: true, first: "descending", cell: (row) => html`<time datetime=${row.created_at} title=${fullTime(row.created_at)}>${time(row.created_at)}</time>` },
    { key: "who", title: "Who", kind: "name", cell: (row) => html`${badge(row.agent_type, row.model_used || row.agent_type)}${row.task_type ? html`<span class="note block-note">${row.task_type}</span>` : nothing}` },
    { key: "outcome", title: "How it ended", cell: (row) => (row.outcome ? html`${badge(row.outcome)}${row.outcome_source === "inferred" ? html`<span class="note block-note">inferred</span>` : nothing}` : html`<span class="note">not judged</span>`) },
    { key: "value_score", title: "Value", sort: true, first: "descending", numeric: true, cell: (row) => (row.value_score === null ? NONE : html`${row.value_score.toFixed(2)}${row.high_value ? html` <span title="worth learning from">★<span class="visually-hidden">worth learning from</span></span>` : nothing}`) },
    { key: "shown", title: "Shown", numeric: true, cell: (row) => number(row.shown) },
    { key: "tokens_used", title: "Tokens", sort: true, first: "descending", numeric: true, cell: (row) => number(row.tokens_used) },
    { key: "latency_ms", title: "Took", sort: true, first: "descending", numeric: true, cell: (row) => (row.latency_ms ? duration(row.latency_ms) : NONE) },
  ];
}
