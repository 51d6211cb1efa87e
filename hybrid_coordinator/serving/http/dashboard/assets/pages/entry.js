// One entry of what is known: its text, what it rests on, how it did; changed, retired, deleted.

import { confirm, prompt } from "../components/dialog.js";
import { badge, section } from "../components/marks.js";
import { deletedWords, press } from "../components/work.js";
import { count, decimal, fullTime, number, percent, time } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import * as names from "../lib/names.js";
import { show } from "../lib/view.js";

export const title = "Entry";

const EVERY_PROJECT = "global";

export function mount(element, context) {
  const path = `/api/entries/${encodeURIComponent(context.params.id)}`;
  // What is being deleted is told of as a change, before it is known that it is done.
  const state = { known: null, leaving: false };
  const view = show(element, context, {
    kinds: ["knowledge", "interactions"],
    load: async (signal) => {
      if (!state.leaving) state.known = await context.api.get(path, {}, signal);
      return state.known;
    },
    template: (data) => ("item" in data ? entry : task)(data, context, actions(path, context, state, () => view.refresh())),
  });
}

/** What buttons do: each asks what it has to, acts, and says what came of it. */
function actions(path, context, state, refresh) {
  const act = (what, said, body) => async (event) => {
    const button = event.currentTarget;
    const given = await body();
    if (given === undefined) return;
    state.leaving = what === "delete";
    const done = await press(context, button, () => context.api.post(`${path}/${what}`, given));
    state.leaving &&= Boolean(done);
    if (!done) return;
    context.toast(typeof said === "function" ? said(done) : said);
    if (state.leaving) context.navigate(context.link("/knowledge"));
    else refresh();
  };
  return {
    edit: (text, label) => act("edit", "Saved. The index follows in a moment.", async () => {
      const content = await prompt("Edit", { label, value: text, rows: 14 });
      return content === undefined ? undefined : { content };
    }),
    keep: (text) => act("edit", "It counts as yours now: nothing learned changes it.", async () => ({ content: text })),
    retire: () => act("retire", "Retired: it is shown no more.", async () => {
      const reason = await prompt("Take it out of use", { label: "Why", action: "Retire", note: "It is shown no more and not learned anew. Its history stays." });
      return reason === undefined ? undefined : { reason };
    }),
    remove: (words) => act("delete", deletedWords, async () =>
      (await confirm("Delete it for good?", words, { action: "Delete", danger: true })) ? {} : undefined),
  };
}

function entry({ item, earlier, evidence, elsewhere, stats }, context, act) {
  const retired = item.delta === "DEPRECATE";
  const needs = item.project === EVERY_PROJECT ? "needs-write needs-all" : "needs-write";
  const learned = item.origin === "pattern" || item.origin === "failure";
  return html`
    <p><a href=${context.link("/knowledge")}>Back to Knowledge</a></p>
    <article class="entry">
      <h2>${item.title}</h2>
      <p class="note">${names.collection(item.collection)} · ${names.origin(item.origin)} · ${item.project} · version ${item.version},
        <time title=${fullTime(item.updated_at)}>${time(item.updated_at)}</time></p>
      ${retired ? html`<p>${badge("warning", "out of use")} ${item.reason}</p>` : nothing}
      <pre tabindex="0" aria-label="Text of the entry">${item.content}</pre>
      ${retired ? nothing : html`<div class="buttons start ${needs}">
        ${learned ? html`<button type="button" class="primary" @click=${act.keep(item.content)}>Accept as it is</button>` : nothing}
        <button type="button" @click=${act.edit(item.content, "Text")}>Edit</button>
        <button type="button" @click=${act.retire()}>Retire</button>
        ${removal(act, "The entry leaves the record and the index, with its earlier versions.")}</div>`}
      ${retired ? html`<div class="buttons start ${needs}">${removal(act, "The entry leaves the record and the index; it may be learned anew.")}</div>` : nothing}
    </article>
    <div class="columns">
      ${section("How it did", did(stats))}
      ${section("Fields", fields(item.fields))}
    </div>
    ${section("What it rests on", rests(evidence, context), count(evidence.length, "interaction"))}
    ${elsewhere.length ? section("On other machines", html`<ul class="plain-list">${elsewhere.map((each) => html`<li>
      ${number(each.uses)} uses, ${decimal(each.successes)} of ${number(each.judged)} went well; ${number(each.supports)} for it, ${number(each.against)} against</li>`)}</ul>`) : nothing}
    ${earlier.length ? section("Earlier versions", html`<ul class="plain-list">${[...earlier].reverse().map((each) => html`<li>
      <details><summary>Version ${each.version}, ${time(each.updated_at)}${each.reason ? `: ${each.reason}` : ""}</summary><pre tabindex="0" aria-label="Version ${each.version}">${each.content}</pre></details></li>`)}</ul>`) : nothing}`;
}

const removal = (act, words) => html`<button type="button" class="danger needs-write" @click=${act.remove(words)}>Delete</button>`;

function did(stats) {
  if (!stats.uses) return html`<p>It was not used yet.</p>`;
  return html`<dl class="facts">
    <dt>Used</dt><dd>${number(stats.uses)}</dd>
    <dt>Went well</dt><dd>${percent(stats.success_rate)}</dd>
    <dt>Put down to it</dt><dd>${decimal(stats.gained)} successes, ${decimal(stats.lost)} failures</dd></dl>`;
}

function fields(given) {
  const rows = Object.entries(given).filter(([, value]) => value !== null && value !== "" && String(value) !== "");
  if (rows.length === 0) return html`<p>It has none.</p>`;
  return html`<dl class="facts">${rows.map(([name, value]) => html`
    <dt>${name.replaceAll("_", " ")}</dt><dd>${typeof value === "string" ? value : JSON.stringify(value)}</dd>`)}</dl>`;
}

function rests(evidence, context) {
  if (evidence.length === 0) return html`<p>On nobody's work: it was stated.</p>`;
  return html`<ul class="plain-list">${evidence.map(({ other, supports }) => html`<li>
    ${badge(supports ? "success" : "failure", supports ? "for it" : "against it")}
    <a href=${context.link(`/interactions/${other}`)}>${other}</a></li>`)}</ul>`;
}

function task({ interaction, taught }, context, act) {
  return html`
    <p><a href=${context.link("/knowledge")}>Back to Knowledge</a></p>
    <article class="entry">
      <h2>${interaction.query}</h2>
      <p class="note">Past work · ${interaction.project} · ${interaction.model_used} · ${time(interaction.created_at)}</p>
      <pre tabindex="0" aria-label="Answer">${interaction.response}</pre>
      <div class="buttons start">
        <a class="button" href=${context.link(`/interactions/${interaction.id}`)}>All about it</a>
        <button type="button" class="needs-write" @click=${act.edit(interaction.response, "Answer")}>Edit</button>
        ${removal(act, `The interaction leaves the record and the index${taught.length ? `, and with it what was learned from it alone (${count(taught.length, "entry", "entries")} rest on it)` : ""}.`)}</div>
    </article>`;
}
