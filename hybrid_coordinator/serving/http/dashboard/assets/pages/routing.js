// Routing: where calls of models went, how good and how quick the answers were, and their money.

import { chart } from "../components/chart.js";
import { badge, section, tile, tiles } from "../components/marks.js";
import { empty } from "../components/states.js";
import { plainTable } from "../components/table.js";
import { compact, decimal, duration, money, NONE, number, percent, span } from "../lib/format.js";
import { html, nothing, svg } from "../lib/html.js";
import { fromFirst, grouped, seconds, total } from "../lib/periods.js";
import { show } from "../lib/view.js";

export const title = "Routing";

export function mount(element, context) {
  show(element, context, {
    kinds: ["attempts"],
    load: (signal) => context.api.get("/api/routing", context.scope, signal),
    template: routing,
  });
}

function routing(data) {
  const { total: all, days } = data;
  const calls = all.calls === 0
    ? empty(`No model was asked in ${span(days)}.`, "An agent hands work over with ask_local_llm; you can try a prompt under Models.")
    : html`
      ${figureTiles(data)}
      <div class="columns">
        ${section("Calls", where(data), "by where the answer came from")}
        ${section("Passing and stepping up", quality(data), "of the calls of each day")}
      </div>
      ${section("Models", models(data.models), "latency of answers: half and 95 of 100 were quicker")}
      <div class="columns broad">
        ${section("By tier", groups("Tier", data.tiers, all))}
        ${section("By kind of work", groups("Kind of work", data.task_types, all))}
      </div>`;
  return html`${calls}${section("Spend", spend(data), "of all projects; days are in UTC")}`;
}

const share = (part, whole) => (whole ? percent(part / whole) : NONE);

function figureTiles({ total: all, money: spent }) {
  return tiles(
    tile("Calls", number(all.calls), `${number(all.cached)} of them from the cache`),
    tile("Answered locally", share(all.local, all.calls), `${number(all.local)} calls`),
    tile("Answered remotely", share(all.remote, all.calls), `${number(all.remote)} calls`),
    tile("Passed the check", share(all.passed, all.calls), `${number(all.passed)} calls`),
    tile("Stepped up", share(all.escalated, all.calls), `${number(all.escalated)} calls asked another model too`),
    tile("Without an answer", share(all.failed, all.calls), `${number(all.failed)} calls`),
    tile("Spent today", money(spent.today_usd), `of a budget of ${money(spent.daily_budget_usd)}`),
    tile("Saved", money(spent.saved_usd), `against ${spent.reference}`),
  );
}

function points(data) {
  const lively = fromFirst(data.by_day, (one) => one.calls + one.spent_usd + one.reserved_usd);
  const { groups: parts, each } = grouped(lively);
  const sum = (name) => parts.map((days) => total(days.map((one) => one[name])));
  return { x: parts.map(([first]) => seconds(first.day)), sum, each };
}

function where(data) {
  const { x, sum, each } = points(data);
  const { total: all } = data;
  return chart({
    caption: `Calls by ${each}`,
    summary: `${number(all.local)} answered locally, ${number(all.remote)} remotely, ${number(all.failed)} not at all.`,
    kind: "stacked",
    x,
    series: [
      { label: "Local", color: "local", values: sum("local") },
      { label: "Remote", color: "remote", values: sum("remote") },
      { label: "No answer", color: "failure", values: sum("failed") },
    ],
    words: number,
  });
}

function quality(data) {
  const { x, sum, each } = points(data);
  const { total: all } = data;
  const calls = sum("calls");
  const rate = (name) => sum(name).map((value, at) => (calls[at] ? value / calls[at] : null));
  return chart({
    caption: `Pass and step-up rate by ${each}`,
    summary: `${share(all.passed, all.calls)} of the answers passed their check; ${share(all.escalated, all.calls)} of the calls asked another model too.`,
    x,
    series: [
      { label: "Passed", color: "success", values: rate("passed") },
      { label: "Stepped up", color: "remote", values: rate("escalated") },
    ],
    words: percent,
    range: [0, 1],
  });
}

function models(rows) {
  const most = Math.max(...rows.map((row) => row.latency_p95_ms ?? 0), 1);
  return plainTable("Models", [
    { title: "Model", kind: "name", cell: (row) => html`${badge(row.remote ? "remote" : "local", row.model)}<span class="note block-note">${row.endpoint}</span>` },
    { title: "Asked", numeric: true, cell: (row) => number(row.attempts) },
    { title: "Passed", numeric: true, cell: (row) => share(row.passed, row.attempts) },
    { title: "Failed", numeric: true, cell: (row) => share(row.failed, row.attempts) },
    { title: "Latency p50, p95, p99", cell: (row) => latency(row, most) },
    { title: "First token p50", numeric: true, cell: (row) => duration(row.first_token_p50_ms) },
    { title: "Tokens/s", numeric: true, cell: (row) => decimal(row.tokens_per_second) },
    { title: "Tokens", numeric: true, cell: (row) => html`${compact(row.tokens_in)} in<br>${compact(row.tokens_out)} out` },
    { title: "Cost", numeric: true, cell: cost },
  ], rows);
}

/** Half of the answers in the dark part, 95 of 100 in the whole bar; one scale for all models. */
function latency({ latency_p50_ms: half, latency_p95_ms: most, latency_p99_ms: nearly }, scale) {
  if (half === null) return NONE;
  const width = (value) => (100 * value) / scale;
  return html`<svg class="range" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">${svg`
    <rect class="range-most" width=${width(most)} height="6"/><rect class="range-half" width=${width(half)} height="6"/>`}</svg>
    <span class="nowrap">${duration(half)}, ${duration(most)}, ${duration(nearly)}</span>`;
}

function cost({ cost_usd: known, unpriced, attempts }) {
  if (unpriced === attempts) return "unknown";
  return html`${money(known)}${unpriced ? html` <span class="note">+ ${number(unpriced)} unknown</span>` : nothing}`;
}

const TIER_NAMES = { none: "no answer" };

function groups(heading, rows, all) {
  return plainTable(heading, [
    { title: heading, cell: ({ name }) => TIER_NAMES[name] ?? name },
    { title: "Calls", numeric: true, cell: ({ calls }) => number(calls) },
    { title: "Share", numeric: true, cell: ({ calls }) => share(calls, all.calls) },
    { title: "Local", numeric: true, cell: (row) => share(row.local, row.calls) },
    { title: "Passed", numeric: true, cell: (row) => share(row.passed, row.calls) },
    { title: "Stepped up", numeric: true, cell: (row) => share(row.escalated, row.calls) },
  ], rows);
}

function spend(data) {
  const { money: all, by_day: days } = data;
  const spent = total(all.spent.map(({ spent_usd: usd }) => usd));
  if (spent === 0 && all.spent.length === 0) {
    return empty("Nothing was spent on remote models.", `They may cost up to ${money(all.daily_budget_usd)} a day once a key and a model are set.`);
  }
  const { x, sum, each } = points(data);
  const settled = sum("spent_usd");
  const aside = sum("reserved_usd");
  const budget = all.daily_budget_usd * (each === "week" ? 7 : 1);
  return html`<div class="columns">
    ${chart({
      caption: `Spend by ${each}`,
      summary: `${money(spent)} in ${span(days.length)}, ${money(all.today_usd)} of it today; the budget is ${money(all.daily_budget_usd)} a day.`,
      kind: "stacked",
      x,
      series: [
        { label: "Spent", color: "plain", values: settled },
        { label: "Set aside", color: "withheld", values: aside },
      ],
      limit: { value: budget, label: "Budget" },
      words: money,
    })}
    ${plainTable("Spend by model", [
      { title: "Model", cell: ({ model }) => model },
      { title: "Calls", numeric: true, cell: ({ calls }) => number(calls) },
      { title: "Spent", numeric: true, cell: ({ spent_usd: usd }) => money(usd) },
      { title: "Set aside", numeric: true, cell: ({ reserved_usd: usd }) => money(usd) },
    ], all.spent)}
  </div>`;
}
