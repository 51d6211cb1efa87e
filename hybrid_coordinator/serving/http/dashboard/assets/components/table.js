// <hc-table>: rows that the server sorts, filters and pages; the address keeps where one is.

import { html, nothing, ref, render } from "../lib/html.js";
import { number } from "../lib/format.js";
import { paced } from "../lib/view.js";
import { empty, failed, loading } from "./states.js";

const SIZES = [25, 50, 100, 200];
const TYPING = 300; // ms without a key before a text filter is applied

/**
 * Set `options` once:
 *   caption   what the rows are, for a screen reader and the count ("interactions")
 *   columns   [{ key, title, cell(row), sort: true where the server can sort by `key`, numeric,
 *             first: "descending" where a first click sorts so,
 *             kind: "wide", "name" or "moment" as the stylesheet has it }]; the first one heads its row
 *   filters   [{ name, label, type: "search" | "select" | "date", options: [[value, words]] or a
 *             promise of them, value: what holds where the address says nothing }]
 *   sort      { by, descending } where the address says nothing
 *   load      async ({ page, size, sort, descending, ...filters }, signal) => { rows, total }
 *   query     the page's QueryState; prefix: before its names, where a page has several tables
 *   context   the page's: the table ends with it, and is loaded again on changes of `kinds`
 *   none      what to say where there is nothing at all
 */
class DataTable extends HTMLElement {
  #options = null;
  #page = null;
  #error = null;
  #running = null;
  #typing = null;
  #choices = new Map();
  #busy = true;

  set options(options) {
    if (this.#options) return;
    this.#options = { filters: [], kinds: [], prefix: "", none: "Nothing is here yet.", ...options };
    const { kinds, context } = this.#options;
    if (kinds.length) context.onChange(kinds, paced(() => context.signal.aborted || this.refresh()));
    context.signal.addEventListener("abort", () => this.#running?.abort());
    for (const { name, options: choices } of this.#options.filters) {
      if (choices instanceof Promise) this.#offer(name, choices);
    }
    this.refresh();
  }

  /** What a filter can be set to comes later than the rows may. */
  async #offer(name, choices) {
    try {
      this.#choices.set(name, await choices);
    } catch {
      return; // loading the rows says what is wrong
    }
    this.#paint(this.#busy);
  }

  /** Load the present page again. */
  async refresh() {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    this.#paint(true);
    try {
      const page = await this.#options.load(this.#wanted(), controller.signal);
      if (controller.signal.aborted) return;
      this.#page = page;
      this.#error = null;
    } catch (error) {
      if (controller.signal.aborted || error.name === "AbortError") return;
      this.#error = error;
    }
    this.#paint(false);
    this.#backInside();
  }

  /** Rows may have gone since, so that the page is past the end: show the last one. */
  #backInside() {
    const last = this.#lastPage();
    if (!this.#error && this.#page.total > 0 && this.#at() > last) this.#turn(last);
  }

  #get(name, otherwise = "") {
    return this.#options.query.get(this.#options.prefix + name, otherwise);
  }

  #set(values, options) {
    const { query, prefix } = this.#options;
    query.set(Object.fromEntries(Object.entries(values).map(([k, v]) => [prefix + k, v])), options);
    this.refresh();
  }

  #at() {
    return Math.max(1, Number.parseInt(this.#get("page", "1"), 10) || 1);
  }

  #size() {
    const given = Number(this.#get("size", "50"));
    return SIZES.includes(given) ? given : 50;
  }

  #sort() {
    const { sort = { by: null, descending: false } } = this.#options;
    const given = this.#get("sort");
    if (!given) return sort;
    return { by: given.replace(/^-/, ""), descending: given.startsWith("-") };
  }

  #wanted() {
    const { by, descending } = this.#sort();
    const filters = this.#options.filters.map(({ name, value = "" }) => [name, this.#get(name, value)]);
    const sorting = by ? { sort: by, descending } : {};
    return { page: this.#at(), size: this.#size(), ...sorting, ...Object.fromEntries(filters) };
  }

  #lastPage() {
    return Math.max(1, Math.ceil((this.#page?.total ?? 0) / this.#size()));
  }

  #turn(page) {
    this.#set({ page: page === 1 ? null : page });
  }

  #order({ key, first }) {
    const { by, descending } = this.#sort();
    const down = by === key ? !descending : first === "descending";
    this.#set({ sort: `${down ? "-" : ""}${key}`, page: null });
  }

  #filter(name, value) {
    this.#set({ [name]: value, page: null }, { replace: true });
  }

  #typed(name, value) {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#filter(name, value), TYPING);
  }

  #filtered() {
    return this.#options.filters.some(({ name, value = "" }) => this.#get(name, value) !== value);
  }

  #clear() {
    const none = this.#options.filters.map(({ name }) => [name, null]);
    for (const control of this.querySelectorAll(".filters input, .filters select")) control.value = "";
    this.#set({ ...Object.fromEntries(none), page: null });
  }

  #paint(busy) {
    this.#busy = busy;
    render(html`
      ${this.#filterBar()}
      ${this.#error ? failed(this.#error, () => this.refresh()) : nothing}
      ${this.#page ? this.#rows(busy) : this.#error ? nothing : html`<div class="table-space" aria-busy="true">${loading()}</div>`}
      ${this.#page ? this.#pager() : nothing}`, this);
  }

  #filterBar() {
    const { filters, columns } = this.#options;
    if (filters.length === 0 && !columns.some(({ sort }) => sort)) return nothing;
    return html`<form class="filters" role="search" aria-label="Filter ${this.#options.caption}"
      @submit=${(event) => event.preventDefault()}>
      ${filters.map((each) => html`<label>${each.label}${this.#control(each)}</label>`)}
      ${this.#sortChoice()}
      ${this.#filtered() ? html`<button type="button" class="quiet" @click=${() => this.#clear()}>Clear filters</button>` : nothing}
    </form>`;
  }

  /** Where the stylesheet makes cards of rows there are no headings to click. */
  #sortChoice() {
    const sortable = this.#options.columns.filter(({ sort }) => sort);
    if (!sortable.length) return nothing;
    const { by, descending } = this.#sort();
    const now = `${descending ? "-" : ""}${by}`;
    const choices = sortable.flatMap(({ key, title }) => [[`-${key}`, `${title} ↓`], [key, `${title} ↑`]]);
    return html`<label class="sort-choice">Sorted by
      <select @change=${(event) => this.#set({ sort: event.target.value, page: null })}>${choices.map(([value, words]) =>
        html`<option value=${value} ?selected=${value === now}>${words}</option>`)}</select></label>`;
  }

  #control({ name, type, value = "", options: given }) {
    const now = this.#get(name, value);
    if (type === "select") {
      const options = this.#choices.get(name) ?? (Array.isArray(given) ? given : [["", "Any"]]);
      const change = (event) => this.#filter(name, event.target.value);
      const known = options.some(([each]) => each === now) ? options : [...options, [now, now]];
      return html`<select name=${name} @change=${change}>${known.map(([each, words]) =>
        html`<option value=${each} ?selected=${each === now}>${words}</option>`)}</select>`;
    }
    // The text is the reader's while he types, so it is set once only.
    const start = ref((input) => { if (input && !input.dataset.set) { input.value = now; input.dataset.set = "1"; } });
    const put = (event) => this.#typed(name, event.target.value);
    return html`<input name=${name} type=${type} autocomplete="off" ${start} @input=${put}>`;
  }

  #rows(busy) {
    const { columns, caption, none } = this.#options;
    if (this.#page.rows.length === 0) {
      return this.#filtered() ? empty(`No ${caption} match these filters.`) : empty(none);
    }
    const title = `${caption}, page ${this.#at()} of ${this.#lastPage()}`;
    return grid(title, columns, this.#page.rows, (column) => this.#header(column), busy);
  }

  #header(column) {
    if (!column.sort) return plainHeader(column);
    const { by, descending } = this.#sort();
    const state = by !== column.key ? "none" : descending ? "descending" : "ascending";
    return html`<th scope="col" role="columnheader" class=${classOf(column)} aria-sort=${state}>
      <button type="button" class="sort" @click=${() => this.#order(column)}>${column.title}<span class="arrow" aria-hidden="true"></span></button></th>`;
  }

  #pager() {
    const { caption } = this.#options;
    const { total, rows } = this.#page;
    const first = (this.#at() - 1) * this.#size() + 1;
    const last = this.#lastPage();
    const at = this.#at();
    const step = (words, page, off) =>
      html`<button type="button" ?disabled=${off} @click=${() => this.#turn(page)}>${words}</button>`;
    return html`<nav class="pager" aria-label="Pages of ${caption}">
      <p role="status">${rows.length ? `${number(first)}–${number(first + rows.length - 1)} of ${number(total)}` : number(0)} ${caption}</p>
      ${total > SIZES[0] ? html`
        <label>Rows <select name="size" @change=${(event) => this.#set({ size: event.target.value, page: null })}>${SIZES.map((size) =>
          html`<option value=${size} ?selected=${size === this.#size()}>${size}</option>`)}</select></label>
        <div class="steps">${step("First", 1, at <= 1)}${step("Previous", at - 1, at <= 1)}
          <span>Page ${number(at)} of ${number(last)}</span>
          ${step("Next", at + 1, at >= last)}${step("Last", last, at >= last)}</div>` : nothing}
    </nav>`;
  }
}

const classOf = ({ numeric, kind = "" }) => (numeric ? `numeric ${kind}` : kind);

const plainHeader = (column) =>
  html`<th scope="col" role="columnheader" class=${classOf(column)}>${column.title}</th>`;

/** Roles are written out: on a narrow screen the stylesheet takes the table's own layout away, and
 *  with it what a browser makes of the elements. */
function grid(title, columns, rows, header, busy) {
  const many = columns.length > 6 ? "many" : "";
  return html`<div class="table-box"><table class="data ${many}" role="table" aria-busy=${String(busy)}>
    <caption class="visually-hidden">${title}</caption>
    <thead role="rowgroup"><tr role="row">${columns.map(header)}</tr></thead>
    <tbody role="rowgroup">${rows.map((row) => html`<tr role="row">${columns.map((column, at) => at === 0
      ? html`<th scope="row" role="rowheader" class=${classOf(column)}>${column.cell(row)}</th>`
      : html`<td role="cell" class=${classOf(column)} data-label=${column.title}><div>${column.cell(row)}</div></td>`)}</tr>`)}</tbody>
  </table></div>`;
}

customElements.define("hc-table", DataTable);

/** A table as a template: `options` as above. */
export const table = (options) => html`<hc-table .options=${options}></hc-table>`;

/** A short table whose rows are all here: `columns` as above, without sorting. */
export const plainTable = (caption, columns, rows) => grid(caption, columns, rows, plainHeader, false);
