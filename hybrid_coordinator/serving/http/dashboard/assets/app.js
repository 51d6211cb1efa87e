// The shell: navigation, scope, theme, the live state, and the page that the address names.

import * as api from "./lib/api.js";
import { html, nothing, render } from "./lib/html.js";
import { Live } from "./lib/live.js";
import { QueryState, Router } from "./lib/router.js";
import { empty, failed } from "./components/states.js";
import { toast } from "./components/toast.js";
import { pages } from "./pages/index.js";

const DAYS = [1, 7, 30, 90, 365];
const main = document.getElementById("main");
const query = new QueryState();
const live = new Live();
let leaving = new AbortController();
let projects = [];
let everything = true; // whether all projects may be looked at together

/** What the reader looks at: one project or all (""), and how many days. On every page's address. */
const scope = () => ({ project: query.get("project"), days: Number(query.get("days", "30")) });

/** An address of the dashboard in the present scope. */
function link(path, values = {}) {
  const { project, days } = scope();
  return api.address(path, { project, days: days === 30 ? "" : days, ...values });
}

const router = new Router(pages, open);

async function open(page, params, moved) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  navigation(page);
  if (!page) {
    head(main, "There is no such page");
    render(empty("Nothing is at this address.", html`<a href=${link("/")}>Go to the overview</a>`), body(main));
    return;
  }
  let module;
  try {
    module = await page.load();
  } catch {
    api.checkSignIn();
    if (!signal.aborted) render(failed(new Error("The coordinator has stopped, or another version of it runs now."), () => location.reload()), main);
    return;
  }
  if (signal.aborted) return;
  const title = module.title;
  document.title = `${title} · Hybrid Coordinator`;
  head(main, title, page.scope ?? {});
  module.mount(body(main), contextOf(params, signal));
  if (moved && router.started) {
    main.querySelector("h1").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  router.started = true;
}

/** What a page is given; see pages/index.js. */
function contextOf(params, signal) {
  return {
    api,
    params,
    signal,
    query,
    scope: scope(),
    link,
    navigate: (href, options) => router.navigate(href, options),
    toast,
    onChange(kinds, callback) {
      const off = live.on(kinds, callback);
      signal.addEventListener("abort", off);
    },
  };
}

/** The heading and the scope of a page: `{project, days}` say which of them it has. */
function head(host, title, { project = true, days = true } = {}) {
  const now = scope();
  const change = (name) => (event) =>
    router.navigate(query.href({ [name]: event.target.value, page: null }));
  render(html`
    <div class="page-head">
      <h1 tabindex="-1">${title}</h1>
      <div class="scope">
        ${project ? html`<label>Project
          <select name="project" @change=${change("project")}>
            ${everything ? html`<option value="" ?selected=${now.project === ""}>All projects</option>` : nothing}
            ${[...new Set([...projects, now.project].filter(Boolean))].map((name) =>
              html`<option value=${name} ?selected=${name === now.project}>${name}</option>`)}
          </select></label>` : nothing}
        ${days ? html`<label>Time
          <select name="days" @change=${change("days")}>
            ${DAYS.map((count) => html`<option value=${count} ?selected=${count === now.days}>${
              count === 1 ? "Today" : count === 365 ? "A year" : `${count} days`}</option>`)}
          </select></label>` : nothing}
      </div>
    </div>
    <div class="page-body"></div>`, host);
}

const body = (host) => {
  const fresh = document.createElement("div");
  fresh.className = "page-body";
  host.querySelector(".page-body").replaceWith(fresh);
  return fresh;
};

function navigation(current) {
  const at = current?.under ?? current?.path;
  render(html`<ul>${pages.filter(({ label }) => label).map(({ path, label }) => html`
    <li><a href=${link(path)} aria-current=${path === at ? "page" : nothing}>${label}</a></li>`)}</ul>`,
  document.getElementById("nav"));
  showMenu(false);
}

function showMenu(open_) {
  document.getElementById("menu").setAttribute("aria-expanded", String(open_));
  document.getElementById("nav").classList.toggle("open", open_);
}

const LIVE = {
  connecting: ["Connecting…", "Pause"],
  live: ["Live", "Pause"],
  paused: ["Paused", "Go on"],
  gone: ["Coordinator gone", "Retry"],
};

function liveState() {
  const [words, action] = LIVE[live.state];
  const act = () => {
    if (live.state === "paused") live.resume();
    else if (live.state === "gone") live.retry();
    else live.pause();
  };
  render(html`<p class="live live-${live.state}" role="status"><span class="dot" aria-hidden="true"></span>${words}</p>
    <button type="button" class="quiet" @click=${act}>${action}<span class="visually-hidden"> live updates</span></button>`,
  document.getElementById("live"));
}

function theme() {
  const choice = document.getElementById("theme");
  choice.value = document.documentElement.dataset.theme ?? "system";
  choice.addEventListener("change", () => {
    const chosen = choice.value;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    try {
      localStorage.setItem("theme", chosen);
    } catch {
      // Storage may be forbidden: the choice holds for this visit.
    }
    dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    dispatchEvent(new Event("themechange")));
}

async function knowProjects() {
  let known;
  try {
    known = await api.get("/api/projects");
  } catch {
    return; // the pages say what is wrong
  }
  projects = known.projects;
  everything = known.all;
  if (!everything && !query.get("project") && projects.length) {
    router.navigate(query.href({ project: projects[0] }), { replace: true });
    return;
  }
  const select = main.querySelector("select[name=project]");
  if (!select) return;
  for (const name of projects.filter((each) => ![...select.options].some((one) => one.value === each))) {
    select.add(new Option(name, name));
  }
}

/** Who looks, where they had to say it, and what they may do: the stylesheet shows no action that
 *  would be refused. */
async function signedIn() {
  const { dataset } = document.documentElement;
  if (dataset.may !== undefined) return;
  dataset.may = "";
  try {
    const { user, scope: allowed, may, signed_in: known } = await api.get("/api/session");
    dataset.may = may.join(" ");
    if (!known) return;
    render(html`<p>${user} <span class="note">(${allowed})</span></p>
      <form method="post" action="/logout"><button class="quiet">Sign out</button></form>`,
    document.getElementById("session"));
  } catch {
    delete dataset.may; // the pages say what is wrong
  }
}

document.getElementById("menu").addEventListener("click", (event) =>
  showMenu(event.currentTarget.getAttribute("aria-expanded") !== "true"));
document.querySelector(".skip-link").addEventListener("click", (event) => {
  event.preventDefault(); // the address is the page's state, so no fragment comes into it
  main.focus();
});
live.addEventListener("state", liveState);
live.addEventListener("state", () => {
  if (live.state === "live") signedIn(); // where it could not be told before
});
theme();
liveState();
router.start();
live.start();
knowProjects();
signedIn();
