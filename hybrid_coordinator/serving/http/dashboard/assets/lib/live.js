// Tells which kinds of things changed, by server-sent events, and how the connection is.

import { checkSignIn } from "./api.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;
const DEBOUNCE = 400;
const HIDDEN = 5000; // ms after which a hidden page lets its connection go: a browser has six a host

/** One connection for the whole dashboard. `state` is "connecting", "live", "paused" or "gone". */
export class Live extends EventTarget {
  #source = null;
  #wait = FIRST_WAIT;
  #timer = null;
  #state = "connecting";
  #listeners = new Set();
  #changed = new Set();
  #flush = null;
  #missed = false;
  #leaving = null;

  constructor(url = "/api/events") {
    super();
    this.url = url;
    document.addEventListener("visibilitychange", () => this.#seenOrHidden());
    globalThis.addEventListener("online", () => this.retry());
  }

  get state() {
    return this.#state;
  }

  /** Connect; does nothing where that is done. */
  start() {
    if (this.#source || this.#state === "paused") return;
    clearTimeout(this.#timer);
    const source = new EventSource(this.url);
    this.#source = source;
    source.addEventListener("open", () => this.#opened());
    source.addEventListener("error", () => this.#lost());
    source.addEventListener("changed", (event) => this.#noted(JSON.parse(event.data).kinds));
  }

  /** Stop telling, until `resume`. */
  pause() {
    this.#close();
    this.#become("paused");
  }

  resume() {
    this.#missed = true;
    this.#become("connecting");
    this.retry();
  }

  /** Connect now instead of after the wait. */
  retry() {
    if (this.#source || this.#state === "paused") return;
    if (this.#state === "gone") this.#become("connecting");
    this.#wait = FIRST_WAIT;
    this.start();
  }

  /** Call `callback` when something of these kinds changed; returns what ends that. Several
   *  changes in a row come as one, and none while the page is hidden: they come when it is seen. */
  on(kinds, callback) {
    const listener = { kinds: new Set(kinds), callback };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #opened() {
    this.#wait = FIRST_WAIT;
    this.#become("live");
    // What changed while nobody listened is not told again.
    if (this.#missed) this.#noted(["*"]);
    this.#missed = false;
  }

  #lost() {
    this.#close();
    this.#missed = true;
    this.#become(this.#wait > FIRST_WAIT ? "gone" : "connecting");
    checkSignIn();
    // Spread, so that many open dashboards do not come back at once.
    this.#timer = setTimeout(() => this.start(), this.#wait * (0.8 + 0.4 * Math.random()));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new Event("state"));
  }

  #seenOrHidden() {
    clearTimeout(this.#leaving);
    if (document.hidden) {
      this.#leaving = setTimeout(() => this.#rest(), HIDDEN);
    } else {
      this.retry();
      this.#deliver();
    }
  }

  #rest() {
    this.#close();
    this.#missed = true;
  }

  #noted(kinds) {
    for (const kind of kinds) this.#changed.add(kind);
    this.#flush ??= setTimeout(() => {
      this.#flush = null;
      this.#deliver();
    }, DEBOUNCE);
  }

  #deliver() {
    if (document.hidden || this.#flush || this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#changed = new Set();
    for (const { kinds, callback } of [...this.#listeners]) {
      if (changed.has("*") || [...kinds].some((kind) => changed.has(kind))) callback();
    }
  }
}
