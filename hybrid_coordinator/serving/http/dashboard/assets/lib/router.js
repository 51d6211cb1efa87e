// Which page an address is, and going there without loading the document again.

/** Addresses are paths of the table of pages (`/interactions/:id`) and the state in the query. */
export class Router {
  #pages;
  #show;

  /** `show(page, params, moved)` is called with each address; `moved` says that the path is another. */
  constructor(pages, show) {
    this.#pages = pages.map((page) => ({ page, pattern: patternOf(page.path) }));
    this.#show = show;
    this.path = null;
    addEventListener("popstate", () => this.#go());
    document.addEventListener("click", (event) => this.#clicked(event));
  }

  start() {
    this.#go();
  }

  /** The page of a path, with the values of its parameters; undefined if there is none. */
  find(path) {
    for (const { page, pattern } of this.#pages) {
      const found = pattern.exec(path);
      if (found) return { page, params: decoded(found.groups ?? {}) };
    }
    return undefined;
  }

  /** Go to an address of the dashboard. */
  navigate(href, { replace = false } = {}) {
    history[replace ? "replaceState" : "pushState"](null, "", href);
    this.#go();
  }

  #clicked(event) {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (!link || !plain || event.altKey || event.defaultPrevented) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    if (!this.find(link.pathname)) return;
    event.preventDefault();
    this.navigate(link.href);
  }

  #go() {
    const moved = this.path !== location.pathname;
    this.path = location.pathname;
    const found = this.find(this.path) ?? { page: null, params: {} };
    this.#show(found.page, found.params, moved);
  }
}

function patternOf(path) {
  return new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}/?$`);
}

function decoded(groups) {
  return Object.fromEntries(
    Object.entries(groups).map(([name, value]) => [name, safelyDecoded(value)]),
  );
}

function safelyDecoded(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // a stray %: then it is what it says
  }
}

/** The state of a page in the query of its address, which is kept by reloading and sharing it. */
export class QueryState {
  /** The value of a name, or `otherwise`. */
  get(name, otherwise = "") {
    return new URLSearchParams(location.search).get(name) ?? otherwise;
  }

  /** Change some values; null or "" takes one away. The page stays, so it shows the change itself. */
  set(values, { replace = false } = {}) {
    history[replace ? "replaceState" : "pushState"](null, "", this.href(values));
  }

  /** The address that has these values in place of the present ones. */
  href(values, path = location.pathname) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === undefined || value === "") query.delete(name);
      else query.set(name, String(value));
    }
    const text = query.toString();
    return text ? `${path}?${text}` : path;
  }
}
