// Models: endpoints, what they have loaded, how quick they are, breakers, and a prompt to try.

import { badge, section } from "../components/marks.js";
import { empty } from "../components/states.js";
import { plainTable } from "../components/table.js";
import { count, decimal, duration, NONE, number, percent } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import { show } from "../lib/view.js";
import { mountTrial } from "./trial.js";

export const title = "Models";

export function mount(element, context) {
  const servers = document.createElement("div");
  const trial = document.createElement("div");
  trial.className = "needs-write";
  element.append(servers, trial);
  const { offer } = mountTrial(trial, context);
  const { refresh } = show(servers, context, {
    kinds: ["attempts"],
    load: async (signal) => {
      const data = await context.api.get("/api/models", context.scope, signal);
      offer(data.endpoints);
      return data;
    },
    template: models,
  });
  // Whether a server is up is told by no event: it is looked at again now and then.
  const timer = setInterval(() => document.hidden || refresh(), 10_000);
  context.signal.addEventListener("abort", () => clearInterval(timer));
}

function models({ endpoints, use }) {
  const there = endpoints.filter(({ state, reason }) => state !== "down" || reason !== "connection refused");
  const away = endpoints.filter((one) => !there.includes(one));
  return section("Servers", html`
    ${there.length
      ? html`<ul class="servers">${there.map((one) => server(one, use))}</ul>`
      : empty("No model server answers.", html`Start one, as with <code>ollama serve</code>. It is found by itself.`)}
    ${away.length ? html`<details class="figures away"><summary>${count(away.length, "address", "addresses")} more, where nothing runs</summary>
      <ul>${away.map(({ kind, url, role }) => html`<li>${kind} at ${url}, for ${role}</li>`)}</ul></details>` : nothing}`);
}

const STATES = {
  ready: ["success", "ready"],
  loading: ["partial", "loading its model"],
  down: ["failure", "down"],
  wrong: ["warning", "no model server"],
};

function server(one, use) {
  const [kind, words] = STATES[one.state] ?? ["unknown", one.state];
  const used = new Map(use.filter(({ endpoint }) => endpoint === one.url || endpoint === `${one.url} [${one.kind}]`).map((row) => [row.model, row]));
  return html`<li class="card">
    <header>
      <h3>${one.kind} <span class="note">${one.url}</span></h3>
      <p>${badge(kind, words)} ${badge(one.remote ? "remote" : "local")}</p>
    </header>
    ${one.reason ? html`<p class="note">${one.reason}</p>` : nothing}
    <dl class="facts">
      <dt>For</dt><dd>${one.role}</dd>
      <dt>At work</dt><dd>${number(one.at_work)} of ${number(one.slots)} places${one.waiting ? `, ${number(one.waiting)} calls wait` : ""}</dd>
      <dt>Breaker</dt><dd>${breaker(one.breaker)}</dd>
    </dl>
    ${one.models.length ? plainTable(`Models of ${one.kind}`, [
      { title: "Model", kind: "wide", cell: ({ name }) => name },
      { title: "Loaded", cell: ({ loaded }) => (loaded === null ? "not said" : loaded ? "yes" : "by the first request") },
      { title: "Parameters", numeric: true, cell: ({ parameters }) => (parameters === null ? NONE : `${decimal(parameters)} B`) },
      { title: "Context", numeric: true, cell: (row) => number(row.context_length ?? row.max_context_length) },
      { title: "Asked", numeric: true, cell: ({ name }) => number(used.get(name)?.attempts ?? 0) },
      { title: "Passed", numeric: true, cell: ({ name }) => passed(used.get(name)) },
      { title: "First token", numeric: true, cell: ({ name }) => duration(used.get(name)?.first_token_p50_ms) },
      { title: "Tokens/s", numeric: true, cell: ({ name }) => decimal(used.get(name)?.tokens_per_second) },
    ], one.models) : nothing}
  </li>`;
}

const passed = (row) => (row?.attempts ? percent(row.passed / row.attempts) : NONE);

function breaker({ state, failures, retry_in_seconds: left, reason }) {
  if (state === "closed") return badge("success", "closed: it is asked as usual");
  const again = left > 0 ? `tried again in ${number(Math.ceil(left))} s` : "tried again by the next call";
  return html`${badge(state === "open" ? "failure" : "warning", state)}
    left alone after ${count(failures, "failure")}, ${again}<span class="note block-note">${reason}</span>`;
}
