// Learning: what outcomes taught, what that changed, and what waits for a person.

import { chart } from "../components/chart.js";
import { interval, mark, range } from "../components/interval.js";
import { icon, section, tile, tiles } from "../components/marks.js";
import { empty } from "../components/states.js";
import { plainTable, table } from "../components/table.js";
import { press } from "../components/work.js";
import { count, number, percent, since, span } from "../lib/format.js";
import { html, nothing, render } from "../lib/html.js";
import * as names from "../lib/names.js";
import { show } from "../lib/view.js";

export const title = "Learning";

export function mount(element, context) {
  const figures = document.createElement("div");
  const entries = document.createElement("div");
  const jobs = document.createElement("div");
  element.append(figures, entries, jobs);
  const view = show(figures, context, {
    kinds: ["interactions", "outcomes", "knowledge", "proposals", "jobs"],
    load: (signal) => context.api.get("/api/learning", context.scope, signal),
    template: (data) => {
      render(queue(data, context, () => view.refresh()), jobs);
      return learning(data, context, () => view.refresh());
    },
  });
  render(section("Entries", itemTable(context), "what each one changed where it was shown"), entries);
}

function learning(data, context, refresh) {
  return html`
    ${figureTiles(data)}
    <div class="columns">
      ${section("What showing lessons changed", upliftBlock(data), "success with one more lesson against without, by chance")}
      ${section("How much interactions were worth", histogram(data), span(data.days))}
    </div>
    ${section("Skills to decide on", proposals(data, context, refresh), "found in tasks that recur; only what you accept is shown to agents")}
    ${data.doubts.length ? section("Doubted by their outcomes", doubts(data, context)) : nothing}`;
}

function figureTiles({ learned, skills, jobs, uplift }) {
  const total = Object.values(learned).reduce((sum, each) => sum + each, 0);
  return tiles(
    tile("Lessons in use", number(total), `${number(learned.stated ?? 0)} stated, ${number(learned.pattern ?? 0)} patterns, ${number(learned.failure ?? 0)} solved failures`),
    tile("Skills", number(learned.skill ?? 0), `${number(skills.proposed ?? 0)} more to decide on`),
    tile("Outcomes compared", number(uplift.shown + uplift.withheld), `${number(uplift.withheld)} where a lesson was held back`),
    tile("Jobs waiting", number(jobs.waiting), jobs.parked ? `${number(jobs.parked)} given up` : "none given up"),
  );
}

function upliftBlock({ uplift }) {
  const { shown, withheld, shown_rate: rate, withheld_rate: other, identifiable } = uplift;
  return html`
    <p class="lead">${identifiable
      ? html`<b>${range(uplift)}</b>: ${percent(rate)} went well with it, ${percent(other)} without.`
      : html`<b>It cannot be told yet</b> whether showing lessons helps.`}</p>
    <p class="scale">${mark(uplift, 0.15)} ${identifiable || uplift.difference === null ? nothing : range(uplift)}</p>
    <p class="note">${number(shown)} known outcomes where a lesson was shown, ${number(withheld)} where chance
      held one back. The range holds the true value with 95% confidence${identifiable ? "" : "; it is told once the range leaves zero out"}.</p>`;
}

function histogram({ values, high_value_threshold: threshold }) {
  const all = values.reduce((sum, { interactions }) => sum + interactions, 0);
  if (all === 0) return empty("No interaction of this time has an outcome.", "The value of work is known once its outcome is.");
  const high = (bin) => bin.low >= threshold - 1e-9;
  const worth = values.filter(high).reduce((sum, { interactions }) => sum + interactions, 0);
  const part = (wanted) => values.map((bin) => (high(bin) === wanted ? bin.interactions : 0));
  return chart({
    caption: "Interactions by their value",
    summary: `${count(all, "interaction")} with an outcome; ${number(worth)} of them (${percent(worth / all)}) in the bands from ${threshold} on, which are worth learning from.`,
    kind: "stacked",
    xTitle: "Value from",
    x: values.map((_, at) => at),
    labels: values.map(({ low }) => low.toFixed(1)),
    series: [
      { label: "less", color: "plain", values: part(false) },
      { label: "worth learning from", color: "success", values: part(true) },
    ],
    words: number,
  });
}

function proposals({ proposals: rows }, context, refresh) {
  if (rows.length === 0) return empty("No skill waits for you.", "Skills are proposed when similar tasks went well in several sessions.");
  const decide = (skill, action, said) => async (event) => {
    const done = await press(context, event.currentTarget, () =>
      context.api.post(`/api/skills/${skill.id}/${action}`));
    if (!done) return;
    context.toast(`${said}: ${skill.title}`);
    refresh();
  };
  return html`<ul class="cards">${rows.map((skill) => html`<li class="card">
    <h3><a href=${context.link(`/learning/${skill.id}`)}>${skill.title}</a></h3>
    <p class="note">${skill.kind === "revision" ? "A new version. " : ""}From ${count(skill.members, "task")} in ${count(skill.sessions, "session")}:
      ${number(skill.successes)} went well, ${number(skill.failures)} failed. ${skill.project}, ${since(skill.created_at)}.</p>
    <p class="clip">${skill.content}</p>
    <div class="buttons start needs-write">
      <button type="button" class="primary" @click=${decide(skill, "accept", "Accepted")}>Accept<span class="visually-hidden"> ${skill.title}</span></button>
      <button type="button" @click=${decide(skill, "reject", "Rejected")}>Reject<span class="visually-hidden"> ${skill.title}</span></button>
    </div></li>`)}</ul>`;
}

function doubts({ doubts: rows }, context) {
  return html`<ul class="plain-list">${rows.map((one) => html`<li>
    ${icon("warning")} <a href=${context.link(`/knowledge/${one.item_id}`)}>${one.title}</a>
    <span class="note">${one.reason}${one.retired ? " It is out of use." : ""}</span></li>`)}</ul>`;
}

function itemTable(context) {
  const { api, link, query, scope } = context;
  return table({
    caption: "entries",
    context,
    query,
    kinds: ["knowledge"],
    none: "Nothing was learned or stated yet.",
    sort: { by: "uses", descending: true },
    columns: [
      { key: "title", title: "Entry", sort: true, wide: true, cell: (row) => html`<a href=${link(`/knowledge/${row.id}`)}>${row.title}</a>
        <span class="sub">${names.collection(row.collection)} · ${names.origin(row.origin)}${row.retired ? " · out of use" : ""}</span>` },
      { key: "uses", title: "Used", sort: true, numeric: true, first: "descending", cell: (row) => number(row.uses) },
      { key: "success_rate", title: "Went well", sort: true, numeric: true, first: "descending", cell: (row) => percent(row.success_rate) },
      { key: "uplift", title: "What showing it changed", cell: (row) => interval(row.uplift) },
      { key: "updated_at", title: "Changed", sort: true, first: "descending", cell: (row) => since(row.updated_at) },
    ],
    filters: [
      { name: "text", label: "Words", type: "search" },
      { name: "collection", label: "Collection", type: "select", options: names.COLLECTION_CHOICES.filter(([key]) => !["codebase-context", "interaction-history"].includes(key)) },
      { name: "origin", label: "Origin", type: "select", options: names.ORIGIN_CHOICES },
      { name: "state", label: "State", type: "select", value: "in_use", options: [["in_use", "In use"], ["retired", "Out of use"], ["all", "All"]] },
    ],
    load: (wanted, signal) => api.get("/api/items", { ...wanted, project: scope.project }, signal),
  });
}

function queue({ waiting, jobs }, context, refresh) {
  const act = (path, body, said) => async (event) => {
    const done = await press(context, event.currentTarget, () => context.api.post(path, body));
    if (!done) return;
    context.toast(typeof said === "function" ? said(done) : said);
    refresh();
  };
  const retried = ({ retried: many }) => `${count(many, "job")} will be tried now.`;
  const drop = (each) => act("/api/jobs/drop", { id: each.id }, `Dropped: ${names.job(each.kind)}.`);
  const columns = [
    { title: "Job", cell: (each) => html`${names.job(each.kind)} <span class="sub">${each.project}</span>` },
    { title: "State", cell: (each) => (each.state === "parked" ? "given up" : each.state) },
    { title: "Tries", numeric: true, cell: (each) => number(each.tries) },
    { title: "Why", wide: true, cell: (each) => each.reason || "waits for its turn" },
    { title: "Ordered", cell: (each) => since(each.created_at) },
    { title: "Actions", kind: "needs-write", cell: (each) => html`<span class="actions">
        ${each.state === "running" ? nothing : html`<button type="button" class="quiet" @click=${act("/api/jobs/retry", { id: each.id }, retried)}>Retry<span class="visually-hidden"> job ${each.id}</span></button>`}
        <button type="button" class="quiet" @click=${drop(each)}>Drop<span class="visually-hidden"> job ${each.id}</span></button></span>` },
  ];
  const all = jobs.waiting + jobs.running + jobs.parked;
  return section("Jobs", html`
    <div class="row"><p class="lead">${jobs.words[0].toUpperCase() + jobs.words.slice(1)}.</p>
      ${jobs.parked || jobs.waiting ? html`<button type="button" class="needs-write needs-all" @click=${act("/api/jobs/retry", {}, retried)}>Retry all</button>` : nothing}</div>
    ${waiting.length ? plainTable("Jobs that are not done", columns, waiting) : empty("Every job is done.")}
    ${all > waiting.length ? html`<p class="note">The oldest ${number(waiting.length)} of ${number(all)}.</p>` : nothing}`,
  "work that needs a model or time, done behind your agents");
}
