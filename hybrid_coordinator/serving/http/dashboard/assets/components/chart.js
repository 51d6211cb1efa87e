// <hc-chart>: a chart by uPlot, with a summary in words and the same figures as a table.

import { html, nothing, render, svg } from "../lib/html.js";
import { day, NONE } from "../lib/format.js";
import { plainTable } from "./table.js";

const HEIGHT = 220;

/**
 * Set `options`:
 *   caption   what it shows
 *   summary   the same in a sentence
 *   kind      "line", "bars" (one series), or "stacked" (bars upon each other)
 *   x         an array of numbers: seconds since 1970 with `xKind` "day", else plain ones, or places
 *             (0, 1, …) of `labels`
 *   labels    words for places on x, instead of numbers
 *   series    [{ label, values, color: a name of the palette ("local", "remote", "success", …) }];
 *             null is a gap
 *   words     a value in words; `range` [low, high] of the y axis where it is known
 *   limit     { value, label }: a line across, as a budget
 */
class Chart extends HTMLElement {
  #options = null;
  #plot = null;
  #observer = null;
  #drawn = "";

  set options(options) {
    const changed = JSON.stringify(options) !== this.#drawn;
    this.#drawn = JSON.stringify(options);
    this.#options = { kind: "line", xKind: "day", words: String, labels: null, ...options };
    if (!changed) return;
    this.#paint();
    if (this.isConnected) this.#draw();
  }

  connectedCallback() {
    this.redraw = () => this.#draw();
    addEventListener("themechange", this.redraw);
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(this);
    if (this.#options) this.#draw();
  }

  disconnectedCallback() {
    removeEventListener("themechange", this.redraw);
    this.#observer.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  #paint() {
    const { caption, summary, series, x } = this.#options;
    const columns = [
      { title: this.#options.xTitle ?? "Day", cell: ({ at }) => this.#label(x[at]) },
      ...series.map(({ label, values }) => ({
        title: label, numeric: true, cell: ({ at }) => this.#value(values[at]),
      })),
    ];
    render(html`<figure class="chart" aria-label=${caption}>
      <figcaption>${summary}</figcaption>
      ${series.length > 1 ? html`<ul class="legend" aria-hidden="true">${series.map(({ label, color }) =>
        html`<li>${swatch(color, this.#options.kind)}${label}</li>`)}</ul>` : nothing}
      <div class="plot" aria-hidden="true"></div>
      <details class="figures"><summary>Figures as a table</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="${caption}, figures">
          ${plainTable(caption, columns, x.map((_, at) => ({ at })))}</div></details>
    </figure>`, this);
  }

  #value(value) {
    return value === null || value === undefined ? NONE : this.#options.words(value);
  }

  #label(x) {
    const { xKind, labels } = this.#options;
    if (labels) return labels[x] ?? "";
    return xKind === "day" ? day(x * 1000) : String(x);
  }

  #resize() {
    const host = this.querySelector(".plot");
    if (this.#plot && host.clientWidth && host.clientWidth !== this.#plot.width) {
      this.#plot.setSize({ width: host.clientWidth, height: HEIGHT });
    }
  }

  #draw() {
    const host = this.querySelector(".plot");
    this.#plot?.destroy();
    this.#plot = null;
    host.replaceChildren();
    const { x, series, kind } = this.#options;
    const values = kind === "stacked" ? stacked(series) : series.map((each) => each.values);
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    const setup = {
      width: host.clientWidth || 300,
      height: HEIGHT,
      padding: [12, 24, 0, 0], // on the right for half of the last label
      legend: { show: false },
      cursor: { y: false, points: { show: kind === "line" }, drag: { x: false, y: false } },
      tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: this.#scales(values),
      axes: this.#axes(),
      series: [{}, ...series.map((each) => this.#series(each))],
      hooks: {
        setCursor: [(plot) => this.#point(plot, tip)],
        draw: [(plot) => this.#limit(plot)],
      },
    };
    // The tallest bars first, so that those below are drawn upon them.
    const order = kind === "stacked" ? [...values.keys()].reverse() : [...values.keys()];
    setup.series = [{}, ...order.map((at) => setup.series[at + 1])];
    this.#plot = new globalThis.uPlot(setup, [x, ...order.map((at) => values[at])], host);
    this.#plot.over.append(tip);
  }

  #scales(values) {
    const { kind, range, x, xKind } = this.#options;
    const top = Math.max(...values.flat().filter((value) => value !== null), this.#options.limit?.value ?? 0);
    const step = x.length > 1 ? x[1] - x[0] : xKind === "day" ? 86_400 : 1;
    const room = kind === "line" && x.length > 1 ? 0 : step * 0.6;
    return {
      x: { time: xKind === "day" && !this.#options.labels, range: () => [x[0] - room, x.at(-1) + room] },
      y: { range: () => range ?? [0, top === 0 ? 1 : top * 1.08] },
    };
  }

  #axes() {
    const ink = color("--ink-soft");
    const common = { stroke: ink, font: `12px ${getComputedStyle(this).fontFamily}`, ticks: { show: false } };
    const grid = { stroke: color("--line"), width: 1 };
    const { words, labels } = this.#options;
    const names = (_, splits) => splits.map((at) => this.#label(at));
    return [
      { ...common, grid: { show: false }, values: names, space: 64, size: 34, gap: 10,
        ...(labels ? { splits: (plot) => spaced(plot.data[0], labels, plot.width) } : { incrs: this.#options.xKind === "day" ? DAYS : undefined }) },
      { ...common, grid, size: axisWidth, values: (_, splits) => splits.map((value) => words(value)), space: 44 },
    ];
  }

  #series({ color: name }) {
    const stroke = color(`--${name}`);
    if (this.#options.kind !== "line") {
      const fill = HATCHED.has(name) ? hatch(stroke) : stroke;
      return { stroke, fill: () => fill, width: 1, paths: globalThis.uPlot.paths.bars({ size: [0.7, 48], radius: 0 }), points: { show: false } };
    }
    const few = this.#options.x.length <= 31;
    return { stroke, width: 2, dash: HATCHED.has(name) ? [6, 4] : undefined, spanGaps: true, points: { show: few, size: 5, fill: color("--paper") } };
  }

  #limit(plot) {
    const { limit } = this.#options;
    if (!limit) return;
    const { ctx: pen, bbox } = plot;
    const y = Math.round(plot.valToPos(limit.value, "y", true));
    pen.save();
    pen.strokeStyle = pen.fillStyle = color("--failure");
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    pen.beginPath();
    pen.moveTo(bbox.left, y);
    pen.lineTo(bbox.left + bbox.width, y);
    pen.stroke();
    pen.font = `${12 * devicePixelRatio}px ${getComputedStyle(this).fontFamily}`;
    pen.textAlign = "right";
    pen.fillText(`${limit.label} ${this.#options.words(limit.value)}`, bbox.left + bbox.width, y - 5 * devicePixelRatio);
    pen.restore();
  }

  #point(plot, tip) {
    const at = plot.cursor.idx;
    tip.hidden = at === null || at === undefined || plot.cursor.left < 0;
    if (tip.hidden) return;
    const { x, series } = this.#options;
    render(html`<b>${this.#label(x[at])}</b>${series.map(({ label, values, color: name }) =>
      html`<span>${swatch(name, this.#options.kind)}${label} <b>${this.#value(values[at])}</b></span>`)}`, tip);
    const left = plot.valToPos(x[at], "x");
    tip.style.left = `${Math.max(0, Math.min(left + 12, plot.over.clientWidth - tip.offsetWidth))}px`;
  }
}

// Told apart without colour: dashed as a line, hatched as an area.
const HATCHED = new Set(["remote", "failure", "withheld"]);
const DAYS = [1, 2, 7, 14, 30, 61, 91, 182, 365].map((days) => days * 86_400);

/** The colour of the theme by that name, as a canvas takes it: the property itself says both. */
function color(name) {
  const shown = document.createElement("span");
  shown.style.color = `var(${name})`;
  document.body.append(shown);
  const resolved = getComputedStyle(shown).color;
  shown.remove();
  return resolved;
}

/** As many places as have room for their words. */
function spaced(places, labels, width) {
  const longest = Math.max(...labels.map((words) => words.length));
  const every = Math.ceil((places.length * (10 + 7 * longest)) / width);
  return places.filter((_, at) => at % every === 0);
}

const axisWidth = (plot, values) =>
  Math.max(28, ...(values ?? []).map((value) => 14 + 7 * String(value).length));

function hatch(stroke) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.strokeStyle = stroke;
  pen.lineWidth = 2.4;
  pen.globalAlpha = 0.95;
  for (const offset of [-8, 0, 8]) {
    pen.moveTo(offset, 8);
    pen.lineTo(offset + 8, 0);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}

/** Each series on top of those before it. */
function stacked(series) {
  const sums = [];
  let below = series[0].values.map(() => 0);
  for (const { values } of series) {
    below = values.map((value, at) => (value ?? 0) + below[at]);
    sums.push(below);
  }
  return sums;
}

const swatch = (name, kind) => html`<svg class="swatch fill-${name}" viewBox="0 0 18 10" width="18" height="10" aria-hidden="true">${
  kind === "line"
    ? svg`<path class="stroke-${name}" d="M0 5h18" stroke-width="2.5" stroke-dasharray=${HATCHED.has(name) ? "5 3" : "none"}/>`
    : HATCHED.has(name)
      ? svg`<rect class="stroke-${name}" x=".75" y=".75" width="16.5" height="8.5" fill="none" stroke-width="1.5"/><path class="stroke-${name}" d="m2 9 7-8m0 8 7-8" stroke-width="1.8"/>`
      : svg`<rect class="fill-${name}" width="18" height="10"/>`}</svg>`;

customElements.define("hc-chart", Chart);

/** A chart as a template: `options` as above. */
export const chart = (options) => html`<hc-chart .options=${options}></hc-chart>`;
