// Knowledge: what an agent would find and be shown, and the state of the index.

import { confirm } from "../components/dialog.js";
import { badge, section } from "../components/marks.js";
import { empty, failed, loading } from "../components/states.js";
import { plainTable } from "../components/table.js";
import { press, progress, put, work } from "../components/work.js";
import { count, fullTime, number, since } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import * as names from "../lib/names.js";
import { show } from "../lib/view.js";

export const title = "Knowledge";

const FATES = {
  shown: ["success", "shown", "What an agent is shown"],
  held_back: ["partial", "held back", "Held back by chance, so that its worth can be told"],
  passed_over: ["unknown", "passed over", "About the question, but others are better or it does not fit"],
  irrelevant: ["unknown", "not about it", "Found, but not about the question: an agent is not shown it"],
};

export function mount(element, context) {
  const search = document.createElement("div");
  const index = document.createElement("div");
  element.append(search, index);
  searching(search, context);
  const view = show(index, context, {
    kinds: ["index", "knowledge"],
    load: async (signal) => indexOf(await context.api.get("/api/projects", {}, signal), context, signal),
    template: (data) => indexState(data, context, () => view.refresh()),
  });
}

// Searching

async function searching(element, context) {
  const { query, scope } = context;
  const results = document.createElement("div");
  results.setAttribute("aria-live", "polite");
  let running = null;
  const search = async () => {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const asked = query.get("query");
    if (!asked) return put(results, nothing);
    put(results, loading("Searching…"));
    try {
      const given = { query: asked, project: query.get("as", scope.project), collection: query.get("collection") };
      put(results, found(await context.api.get("/api/knowledge", given, signal), context));
    } catch (error) {
      if (error.name !== "AbortError") put(results, failed(error, search));
    }
    return undefined;
  };
  const submit = (event) => {
    event.preventDefault();
    query.set(Object.fromEntries(new FormData(event.target)));
    search();
  };
  const projects = await known(context);
  const as = query.get("as", scope.project || projects[0] || "");
  put(element, section("Search as an agent would", html`
    <form class="filters" role="search" @submit=${submit}>
      <label>Question, name or error<input name="query" type="search" autocomplete="off" required .value=${query.get("query")}></label>
      <label>From the project<select name="as" required>${[...new Set([as, ...projects])].filter(Boolean).map((name) =>
        html`<option value=${name} ?selected=${name === as}>${name}</option>`)}</select></label>
      <label>In<select name="collection">${names.COLLECTION_CHOICES.map(([key, words]) =>
        html`<option value=${key} ?selected=${key === query.get("collection")}>${words}</option>`)}</select></label>
      <button type="submit" class="primary">Search</button>
    </form>${results}`, "nothing that you look up here counts as shown to an agent"));
  if (!query.get("as")) query.set({ as }, { replace: true });
  search();
}

/** The index of all projects, or of the one looked at for who may not see all together. */
const indexOf = ({ all }, { api, scope }, signal) =>
  api.get("/api/index", { project: all ? "" : scope.project }, signal);

/** Projects with work on record, and those with code in the index alone, unless that is away. */
async function known(context) {
  const { api, signal, toast } = context;
  try {
    const recorded = await api.get("/api/projects", {}, signal);
    const { roots } = await indexOf(recorded, context, signal).catch(() => ({ roots: [] }));
    return [...new Set([...recorded.projects, ...roots.map(({ project }) => project)])].sort();
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, "failure");
    return [];
  }
}

function found({ candidates, text, tokens, abstained, notices }, context) {
  if (candidates.length === 0) return html`${notes(notices)}${empty("Nothing was found.", "Nothing in this project, or for every project, has to do with these words.")}`;
  const groups = Object.keys(FATES).map((fate) => [fate, candidates.filter((each) => each.fate === fate)]);
  return html`
    ${notes(notices)}
    ${abstained ? html`<p class="lead"><b>An agent would be shown nothing</b>: nothing that was found is about the question.</p>` : nothing}
    ${groups.filter(([, rows]) => rows.length).map(([fate, rows]) => html`
      <details class="group" ?open=${fate === "shown" || fate === "held_back" || abstained}>
        <summary><h3>${FATES[fate][2]} <span class="note">${number(rows.length)}</span></h3></summary>
        <ul class="results">${rows.map(({ item }) => result(item, fate, context))}</ul></details>`)}
    ${text ? html`<details class="figures"><summary>The context as an agent gets it, ${count(tokens, "token")}</summary>
      <pre tabindex="0" aria-label="Context">${text}</pre></details>` : nothing}`;
}

const notes = (notices) => (notices.length
  ? html`<ul class="plain-list">${notices.map((each) => html`<li>${badge("warning", each)}</li>`)}</ul>` : nothing);

function result(item, fate, context) {
  const [kind, words] = FATES[fate];
  const code = item.collection === "codebase-context";
  return html`<li>
    <p class="result-head">${badge(kind, words)}
      ${code ? html`<b>${item.title}</b>` : html`<a href=${context.link(`/knowledge/${item.id}`)}>${item.title}</a>`}</p>
    <p class="note">${names.collection(item.collection)} · ${item.source} · ${item.why} · score ${item.score.toFixed(3)}</p>
    <details class="figures"><summary>Text<span class="visually-hidden"> of ${item.title}</span></summary><pre tabindex="0" aria-label="Text of ${item.title}">${item.text}</pre></details>
  </li>`;
}

// The index

function indexState(data, context, refresh) {
  const { engine, embedder, dimension, collections, roots, unprojected, rebuild } = data;
  const progressOf = document.createElement("div");
  const run = (path, body, label, said) => async (event) => {
    const done = await press(context, event.currentTarget, () =>
      work(context, path, body, (line) => put(progressOf, progress(line, label))));
    put(progressOf, nothing);
    if (!done) return;
    context.toast(said(done));
    refresh();
  };
  const anew = async (event) => {
    const words = "Everything is embedded anew beside the index that serves, and then they are switched. Agents are answered meanwhile.";
    const button = event.currentTarget;
    if (!(await confirm("Build the whole index anew?", words, { action: "Build" }))) return;
    await run("/api/index/rebuild", {}, "Rebuild of the index", () => "The new index serves.")({ currentTarget: button });
  };
  return section("Index", html`
    <div class="columns"><dl class="facts">
      <dt>Lies in</dt><dd>${engine ?? "nothing yet"}</dd>
      <dt>Embedded by</dt><dd>${embedder ? `${embedder}, ${number(dimension)} dimensions` : "nothing yet"}</dd>
      <dt>Yet to come in</dt><dd>${unprojected ? count(unprojected, "row") : "nothing"}</dd>
      ${rebuild ? html`<dt>Rebuild</dt><dd>${number(rebuild.done)} of ${number(rebuild.total)} rows and files are in the new one${rebuild.problem ? html`; it waits: ${rebuild.problem}` : nothing}</dd>` : nothing}
    </dl>
    <div>${plainTable("Collections of the index", [
      { title: "Collection", cell: (each) => names.collection(each.name) },
      { title: "Points", numeric: true, cell: (each) => number(each.points) },
    ], collections)}</div></div>
    <h3 class="group">Code of each project</h3>
    ${roots.length ? plainTable("Indexed directories", rootColumns(run), roots)
      : empty("No code is indexed yet.", html`<code>hybrid-coordinator index PATH --watch</code> indexes a directory and follows its changes.`)}
    ${progressOf}
    <div class="buttons start needs-admin needs-all"><button type="button" @click=${anew}>Build the whole index anew</button></div>`);
}

function rootColumns(run) {
  const indexed = ({ files, seconds }) => `Up to date: ${count(files, "file")} in ${seconds.toFixed(1)} s.`;
  const update = ({ project, root }) => run("/api/index/update", { project, root }, `Indexing ${root}`, indexed);
  const watch = ({ project, root, watched }) => run("/api/index/watch", { project, root, watch: !watched }, `Indexing ${root}`,
    () => (watched ? "Its changes are not followed any more." : "Its changes are followed from now on."));
  return [
    { title: "Directory", wide: true, cell: (each) => html`${each.root}<span class="sub">${each.project}</span>` },
    { title: "Files", numeric: true, cell: (each) => number(each.files) },
    { title: "Pieces", numeric: true, cell: (each) => number(each.chunks) },
    { title: "Last change", cell: (each) => html`<time title=${fullTime(each.indexed_at)}>${since(each.indexed_at)}</time>` },
    { title: "State", cell: (each) => html`${each.complete ? "complete" : badge("warning", "unfinished")}<span class="sub">${each.watched ? "watched" : "not watched"}</span>` },
    { title: "Actions", kind: "needs-admin", cell: (each) => html`<span class="actions">
        <button type="button" class="quiet" @click=${update(each)}>Update<span class="visually-hidden"> ${each.root}</span></button>
        <button type="button" class="quiet" @click=${watch(each)}>${each.watched ? "Stop watching" : "Watch"}<span class="visually-hidden"> ${each.root}</span></button></span>` },
  ];
}
