// The table of pages.
//
// A page is a module that exports `title` and `mount(element, context)`. `mount` fills `element`,
// which is taken away with the page; `context` is
//   api        get(path, params, signal), post(path, body, signal), stream(path, body, signal)
//   params     the parts of the path that are named with a colon
//   scope      { project, days } as the reader chose them ("" is all projects)
//   query      the state in the address: get(name, otherwise), set(values), href(values)
//   link(path, values)   an address in the present scope
//   navigate(href)       go there
//   onChange(kinds, fn)  fn() when something of these kinds changed, as domain/insights.py names them
//   signal     aborted when the page is left
//   toast(words, kind)   say what was done
// lib/view.js keeps a part of a page loaded; components/ has tables, charts, tiles, dialogs.
// `scope` says which of project and days a page has (both, unless told otherwise); `under` is the
// page that the navigation marks for one that it does not list.

export const pages = [
  { path: "/", label: "Overview", load: () => import("./overview.js") },
  { path: "/routing", label: "Routing", load: () => import("./routing.js") },
  { path: "/learning", label: "Learning", load: () => import("./learning.js") },
  {
    path: "/learning/:id",
    under: "/learning",
    load: () => import("./skill.js"),
    scope: { project: false, days: false },
  },
  {
    path: "/knowledge",
    label: "Knowledge",
    load: () => import("./knowledge.js"),
    scope: { project: false, days: false },
  },
  {
    path: "/knowledge/:id",
    under: "/knowledge",
    load: () => import("./entry.js"),
    scope: { project: false, days: false },
  },
  {
    path: "/interactions",
    label: "Interactions",
    load: () => import("./interactions.js"),
    scope: { days: false },
  },
  {
    path: "/interactions/:id",
    under: "/interactions",
    load: () => import("./interaction.js"),
    scope: { project: false, days: false },
  },
  { path: "/models", label: "Models", load: () => import("./models.js") },
  {
    path: "/datasets",
    label: "Datasets",
    load: () => import("./datasets.js"),
    scope: { project: false, days: false },
  },
];
