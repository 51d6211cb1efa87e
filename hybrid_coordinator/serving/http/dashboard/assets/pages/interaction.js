// One interaction: what was shown, asked, answered, attempted and done, and how it ended.

import { openDialog } from "../components/dialog.js";
import { badge, bars, section } from "../components/marks.js";
import { empty } from "../components/states.js";
import { plainTable } from "../components/table.js";
import { duration, fullTime, money, NONE, number, percent } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import { collection, job } from "../lib/names.js";
import { show } from "../lib/view.js";

export const title = "Interaction";

export function mount(element, context) {
  const { refresh } = show(element, context, {
    kinds: ["outcomes"],
    load: (signal) => context.api.get(`/api/interactions/${encodeURIComponent(context.params.id)}`, {}, signal),
    template: (data) => interaction(data, { ...context, refresh }),
  });
}

function interaction(data, context) {
  const { interaction: it, shown, attempts, actions, outcomes, taught, jobs } = data;
  return html`
    <p class="back"><a href=${context.link("/interactions")}>All interactions</a></p>
    ${facts(it, data)}
    ${section("What was asked", html`<pre tabindex="0">${it.query}</pre>`)}
    ${shown.length ? section("What was shown", shownTable(shown), "context that was offered, best first") : section("What was shown", empty("No context was shown."))}
    ${section("What was answered", html`<pre tabindex="0">${it.response || "(nothing)"}</pre>`)}
    ${attempts.length ? section("Which models were tried", attemptTable(attempts), "in this order") : nothing}
    ${actions.length ? section("What was done", actionList(actions), `${number(actions.length)} steps that were seen`) : nothing}
    ${section("How it ended", html`${ending(outcomes, data)}<div class="buttons start needs-write"><button type="button" @click=${() => judge(it, context)}>Say how it ended</button></div>`)}
    ${taught.length || jobs.length ? section("What came of it", consequences(taught, jobs, context)) : nothing}`;
}

function facts(it, { high_value: high }) {
  const { outcome } = it;
  return html`<div class="card in-short"><dl class="facts">
    <dt>When</dt><dd><time datetime=${it.created_at}>${fullTime(it.created_at)}</time></dd>
    <dt>Project</dt><dd>${it.project}</dd>
    <dt>Who</dt><dd>${badge(it.agent_type, it.agent_type === "local" ? "local model" : "remote agent")} ${it.model_used}</dd>
    <dt>Outcome</dt><dd>${outcome ? html`${badge(outcome.kind)}, ${sourceOf(outcome)}` : "nobody judged it"}</dd>
    <dt>Value</dt><dd>${it.value_score === null ? NONE : `${it.value_score.toFixed(2)}${high ? ", worth learning from" : ""}`}</dd>
    <dt>Tokens</dt><dd>${number(it.tokens_used)}</dd>
    <dt>Took</dt><dd>${it.latency_ms ? duration(it.latency_ms) : "not measured"}</dd>
    ${it.session_id ? html`<dt>Session</dt><dd><code>${it.session_id}</code></dd>` : nothing}
  </dl></div>`;
}

const sourceOf = ({ source, confidence }) =>
  source === "stated" ? "as it was stated" : `inferred with a confidence of ${percent(confidence)}`;

function shownTable(shown) {
  return plainTable("What was shown", [
    { title: "Item", kind: "wide", cell: (row) => html`${row.title || html`<code>${row.item_id}</code>`}${row.source ? html`<span class="note block-note">${row.source}</span>` : nothing}` },
    { title: "Rank", numeric: true, cell: (row) => number(row.rank) },
    { title: "Kind", kind: "moment", cell: (row) => (row.collection ? collection(row.collection) : "no longer known") },
    { title: "What became of it", cell: fate },
    { title: "Score", numeric: true, cell: (row) => row.score?.toFixed(3) ?? NONE },
    { title: "Chance to be shown", numeric: true, cell: (row) => percent(row.propensity) },
  ], shown);
}

/** Held back items are there so that the worth of the others can be told. */
function fate({ withheld, cited, used }) {
  if (withheld) return badge("unknown", "held back");
  if (cited) return badge("success", "the answer used it");
  return used ? badge("partial", "shown") : badge("unknown", "shown, not named");
}

const ATTEMPT = { ok: "success", cached: "success", low_confidence: "partial" };
const ATTEMPT_WORDS = { ok: "passed", cached: "from the cache", low_confidence: "not good enough" };

function attemptTable(attempts) {
  return plainTable("Attempts", [
    { title: "Model", kind: "wide", cell: (row) => html`${row.model}<span class="note block-note">${row.endpoint}${row.reason ? html`: ${row.reason}` : nothing}</span>` },
    { title: "Where", cell: (row) => badge(row.remote ? "remote" : "local") },
    { title: "Tier", kind: "moment", cell: (row) => row.tier },
    { title: "Outcome", cell: (row) => badge(ATTEMPT[row.outcome] ?? "failure", ATTEMPT_WORDS[row.outcome] ?? row.outcome) },
    { title: "Confidence", numeric: true, cell: (row) => percent(row.confidence) },
    { title: "Took", numeric: true, cell: (row) => duration(row.latency_ms) },
    { title: "Tokens in, out", numeric: true, cell: (row) => `${number(row.tokens_in)}, ${number(row.tokens_out)}` },
    { title: "Cost", numeric: true, cell: (row) => (row.cost_usd === null ? "unknown" : money(row.cost_usd)) },
    { title: "Asked by", cell: (row) => row.rule || NONE },
  ], attempts);
}

function actionList(actions) {
  return html`<ol class="steps-done">${actions.map((action) => html`
    <li>${badge(action.ok ? "success" : "failure", action.kind)}
      <code>${action.subject}</code>
      ${action.exit_code !== null ? html`<span class="note">exit code ${action.exit_code}</span>` : nothing}
      ${action.detail ? html`<details><summary>What it said</summary><pre tabindex="0">${action.detail}</pre></details>` : nothing}
    </li>`)}</ol>`;
}

function ending(outcomes, { components }) {
  if (outcomes.length === 0) return empty("Nobody has judged it yet.", "An outcome is stated by an agent, or inferred from tests, commits, and what you say next.");
  return html`
    <ol class="timeline" reversed>${[...outcomes].reverse().map((one, at) => html`
      <li>${badge(one.outcome)} ${at === 0 ? "" : html`<span class="note">replaced since</span>`}
        <span class="note">${fullTime(one.created_at)}, ${sourceOf(one)}</span>
        ${one.evidence ? html`<p class="evidence">${one.evidence}</p>` : nothing}</li>`)}</ol>
    ${components ? html`<h3>What makes it worth that</h3>${bars(Object.entries(components).map(([label, value]) => ({ label, value, words: value.toFixed(2) })), { caption: "Components of the value" })}` : nothing}`;
}

const VERDICTS = [["success", "It went well"], ["partial", "In part"], ["failure", "It failed"], ["unknown", "Nobody knows"]];

/** Ask for an outcome, and state it. */
async function judge(it, context) {
  const said = await openDialog("How did it end?", (close) => html`
    <form @submit=${(event) => {
      event.preventDefault();
      const given = new FormData(event.target);
      close({ outcome: given.get("outcome"), evidence: given.get("evidence").trim() || null });
    }}>
      <fieldset class="choices"><legend class="visually-hidden">Outcome</legend>${VERDICTS.map(([value, words]) => html`
        <label class="check"><input type="radio" name="outcome" value=${value} required ?checked=${value === it.outcome?.kind}>
          ${badge(value, words)}</label>`)}</fieldset>
      <label class="field">What showed it (optional)<input name="evidence" maxlength="2000"></label>
      <p class="note">What you state replaces what was inferred, and every figure follows.</p>
      <div class="buttons">
        <button type="button" @click=${() => close(undefined)}>Cancel</button>
        <button type="submit" class="primary">Save</button>
      </div>
    </form>`);
  if (!said) return;
  try {
    const { value_score: value } = await context.api.post(`/api/interactions/${it.id}/outcome`, said);
    context.toast(`Saved. Its value is ${value.toFixed(2)} now.`);
    context.refresh();
  } catch (error) {
    context.toast(error.message, "failure");
  }
}

function consequences(taught, jobs, context) {
  return html`<ul class="plain-list">
    ${taught.map(({ other, supports }) => html`<li>${supports ? "It supports" : "It speaks against"} the entry
      <a href=${context.link(`/knowledge/${other}`)}><code>${other}</code></a>.</li>`)}
    ${jobs.map((kind) => html`<li>A job is to be done: ${job(kind).toLowerCase()}.</li>`)}
  </ul>`;
}
