// Datasets: training data made of what went well, what became of the rest, and the files.

import { badge, bars, section } from "../components/marks.js";
import { empty } from "../components/states.js";
import { plainTable } from "../components/table.js";
import { press, progress, put, work } from "../components/work.js";
import { count, fullTime, number, time } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import * as names from "../lib/names.js";
import { show } from "../lib/view.js";

export const title = "Datasets";

const FORMATS = [
  ["openai", "OpenAI chat messages"],
  ["sharegpt", "ShareGPT turns"],
  ["dpo", "Preference pairs (DPO)"],
];
const SPLITS = ["train", "validation", "test"];

export function mount(element, context) {
  const build = document.createElement("div");
  build.className = "needs-admin";
  const list = document.createElement("div");
  element.append(build, list);
  const view = show(list, context, {
    kinds: ["datasets"],
    load: (signal) => context.api.get("/api/datasets", {}, signal),
    template: (data) => datasets(data, context),
  });
  show(build, context, {
    load: (signal) => context.api.get("/api/projects", {}, signal),
    template: ({ projects }) => section("Build one", form(context, projects, () => view.refresh()),
      "of successes, with secrets and personal data replaced"),
  });
}

function form(context, projects, refresh) {
  const told = document.createElement("div");
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    const wanted = { format: given.get("format"), min_value: Number(given.get("min_value")) };
    if (given.get("project")) wanted.project = given.get("project");
    if (given.get("max_examples")) wanted.max_examples = Number(given.get("max_examples"));
    const done = await press(context, event.submitter, () =>
      work(context, "/api/datasets/build", wanted, (line) => put(told, progress(line, "Building the dataset"))));
    put(told, nothing);
    if (!done) return;
    const total = Object.values(done.counts).reduce((sum, each) => sum + each, 0);
    context.toast(`Built: ${count(total, "example")} in ${done.directory}.`);
    refresh();
  };
  return html`<form class="filters" @submit=${submit}>
      <label>Form<select name="format">${FORMATS.map(([key, words]) => html`<option value=${key}>${words}</option>`)}</select></label>
      <label>Project<select name="project"><option value="">All projects</option>${projects.map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
      <label>Least value (0 to 1)<input name="min_value" type="number" min="0" max="1" step="0.01" value="0.7" required></label>
      <label>Examples at most<input name="max_examples" type="number" min="1" step="1" placeholder="all"></label>
      <button type="submit" class="primary">Build</button>
    </form>${told}`;
}

function datasets({ datasets: rows, new_successes: fresh, min_value: least }, context) {
  const since = rows.length ? " since the latest one" : "";
  return section("What there is", html`
    <p class="lead"><b>${count(fresh, "success", "successes")}</b> of a value of ${least} or more came${since}.</p>
    ${rows.length ? html`<ul class="cards one">${rows.map((row) => dataset(row, context))}</ul>`
      : empty("No dataset was built yet.", "One that is built here lies in the coordinator's home, and can be had from this page.")}`);
}

function dataset(row, context) {
  const name = row.directory.split("/").at(-1);
  const dropped = Object.entries(row.dropped).map(([key, value]) => ({ label: names.reason(key), value, words: number(value) }));
  return html`<li class="card">
    <h3>${name}</h3>
    <p class="note">${FORMATS.find(([key]) => key === row.format)?.[1] ?? row.format} · <time title=${fullTime(row.created_at)}>${time(row.created_at)}</time>
      · value of ${row.min_value} or more · ${row.directory}</p>
    <p>${count(row.examples, "example")} out of ${count(row.candidates, "candidate")} of ${row.project === null ? "all projects" : html`project <b>${row.project}</b>`}.</p>
    <div class="columns">
      <div>${plainTable(`Splits of ${name}`, [
        { title: "Split", cell: (split) => split },
        { title: "Examples", numeric: true, cell: (split) => number(row.counts[split] ?? 0) },
        { title: "File", cell: (split) => (row.present ? download(row, split, "Download") : "gone"), kind: "needs-admin" },
      ], SPLITS)}</div>
      <div>${dropped.length ? html`<h4>Left out</h4>${bars(dropped, { caption: `Left out of ${name}` })}` : html`<p>Nothing was left out.</p>`}</div>
    </div>
    ${row.present ? html`
      <p class="row needs-admin">${download(row, "card", "Card")} ${download(row, "manifest", "Manifest")} ${download(row, "provenance", "Provenance")}
        <span class="note">SHA-256 <code>${row.sha256}</code></span></p>
      <details class="figures needs-admin" @toggle=${read(row, context)}><summary>Read the card<span class="visually-hidden"> of ${name}</span></summary><pre tabindex="0" aria-label="Card of ${name}"></pre></details>`
      : html`<p>${badge("warning", "its files are not there any more")}</p>`}
  </li>`;
}

const file = (row, name) => `/api/datasets/${row.id}/${name}`;

const download = (row, name, words) => html`<a href=${file(row, name)} download>${words}<span class="visually-hidden"> ${name} of dataset ${row.id}</span></a>`;

/** The card is fetched when it is first opened. */
const read = (row, context) => async (event) => {
  const host = event.currentTarget.querySelector("pre");
  if (!event.currentTarget.open || host.textContent) return;
  try {
    host.textContent = await context.api.text(file(row, "card"), context.signal);
  } catch (error) {
    if (error.name !== "AbortError") host.textContent = error.message;
  }
};
