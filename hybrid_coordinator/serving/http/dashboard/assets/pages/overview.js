// Overview: what it did for its user, in words first.

import { chart } from "../components/chart.js";
import { signed } from "../components/interval.js";
import { badge, bars, icon, section, shares, tile, tiles } from "../components/marks.js";
import { empty } from "../components/states.js";
import { count, day, money, NONE, number, percent, span } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import { origin } from "../lib/names.js";
import { byDayOrWeek, fromFirst, successRate, total } from "../lib/periods.js";
import { show } from "../lib/view.js";

export const title = "Overview";

export function mount(element, context) {
  const figures = document.createElement("div");
  const health = document.createElement("div");
  element.append(figures, health);
  const { scope } = context;
  show(figures, context, {
    kinds: ["interactions", "outcomes", "attempts", "knowledge", "proposals", "jobs", "index"],
    load: async (signal) => {
      const { project } = scope;
      const [data, uplift] = await Promise.all([
        context.api.get("/api/overview", scope, signal),
        context.api.get("/api/uplift", { project }, signal),
      ]);
      return { ...data, uplift };
    },
    template: (data) => overview(data, context),
  });
  show(health, context, {
    kinds: ["index"],
    load: (signal) => context.api.get("/api/health", {}, signal),
    template: ({ parts }) => section("Engines and models", engines(parts)),
  });
}

function overview(data, context) {
  if (data.totals.interactions === 0 && data.calls.calls === 0) return nothingYet(data);
  return html`
    ${story(data, context)}
    ${figureTiles(data)}
    <div class="columns">
      ${section("Success over time", success(data), "by the day on which the work was done")}
      ${section("Where calls were answered", answered(data), html`<a href=${context.link("/routing")}>Routing</a>`)}
      ${section("What it learned", learned(data, context), html`in use now · <a href=${context.link("/learning")}>Learning</a>`)}
      ${section("What waits", waiting(data))}
    </div>`;
}

function nothingYet({ project }) {
  return empty(
    project ? `Nothing is recorded for ${project} yet.` : "Nothing is recorded yet.",
    html`Connect your agent with <code>hybrid-coordinator install claude-code</code>, or bring in the
      sessions that are there already with <code>hybrid-coordinator import claude-code</code>.
      What happens then appears here by itself.`,
  );
}

/** The first screen in words: what was saved and learned, and against what. */
function story(data, context) {
  const { days, period } = data;
  return html`
    <section class="story" aria-label="In short">
      <p class="kicker">${capital(span(days))}${data.project ? `, ${data.project}` : ""}</p>
      ${savedWords(data)} ${workWords(data)} ${upliftWords(data)}
      <p class="note">${against(data.saving)}
        ${period.interactions ? html`<a href=${context.link("/interactions")}>See the interactions</a>` : nothing}</p>
    </section>`;
}

function savedWords({ calls, saving }) {
  if (calls.calls === 0) return html`<p>No model was asked through the coordinator.</p>`;
  const local = html`<b>${number(calls.local)} of ${count(calls.calls, "call")}</b> to models
    ${calls.local === 1 ? "was" : "were"} answered on your own hardware`;
  if (saving.saved_usd === null) return html`<p>${local}.</p>`;
  const share = saving.saved_share === null ? nothing : html` (${percent(saving.saved_share)})`;
  return html`<p>${local}. That saved <b>${money(saving.saved_usd)}</b>${share} against asking
    ${saving.reference} for everything.</p>`;
}

function workWords({ period, learned: entries, new_lessons: fresh, totals }) {
  const kept = total(Object.values(entries));
  const memory = fresh
    ? html`It learned <b>${count(fresh, "lesson")}</b> in that time and has <b>${number(kept)}</b> in all to draw on`
    : html`It remembers <b>${count(kept, "lesson")}</b> to draw on`;
  if (period.success_rate === null) {
    return html`<p>${memory}${period.interactions ? html`, from <b>${count(totals.interactions, "interaction")}</b> on record` : nothing}.</p>`;
  }
  return html`<p><b>${percent(period.success_rate)}</b> of the work whose end is known went well,
    and <b>${number(period.high_value)}</b> of ${count(period.interactions, "interaction")} were worth
    learning from. ${memory}.</p>`;
}

/** Only what can be told: the difference to interactions from which chance held a lesson back. */
function upliftWords({ uplift }) {
  const { identifiable, difference, shown_rate: rate, withheld_rate: other } = uplift;
  if (!identifiable) return nothing;
  return html`<p>Showing a lesson ${difference > 0 ? "helps" : "does harm"}: <b>${signed(difference)} points</b>
    of success, ${percent(rate)} with it against ${percent(other)} where chance held it back.</p>`;
}

function against({ saved_usd, reference, prices_as_of, tokens }) {
  if (saved_usd === null) {
    return html`What was saved is unknown, as is the price of ${reference}: set it in <code>remote.prices</code>.`;
  }
  return html`Saved is what the ${number(tokens)} tokens of local answers would have cost at
    ${reference} (prices of ${day(prices_as_of)}).`;
}

function figureTiles({ calls, saving, period, totals, jobs, by_day: days, learned: entries }) {
  return tiles(
    tile("Saved", money(saving.saved_usd), saving.all_remote_usd === null
      ? `the price of ${saving.reference} is unknown`
      : `of ${money(saving.all_remote_usd)} if all were remote`),
    tile("Spent on remote models", money(saving.spent_usd),
      `${money(saving.today_usd)} today, budget ${money(saving.daily_budget_usd)} a day`),
    tile("Tokens kept local", number(saving.tokens), "that no remote model was sent"),
    tile("Interactions", number(period.interactions), `${number(totals.interactions)} since the beginning`),
    tile("Success rate", percent(period.success_rate), trend(days)),
    tile("Worth learning from", number(period.high_value), `${number(totals.high_value)} since the beginning`),
    tile("Lessons in use", number(total(Object.values(entries))), `${number(entries.pattern ?? 0)} of them patterns`),
    tile("Jobs in the queue", number(jobs.waiting + jobs.running),
      jobs.parked ? `and ${number(jobs.parked)} given up` : `${number(calls.cached)} calls from the cache`),
  );
}

/** The later half of the days against the earlier one. */
function trend(all) {
  const days = fromFirst(all, ({ tally }) => tally.interactions);
  if (days.length < 4) return "";
  const middle = Math.floor(days.length / 2);
  const before = successRate(days.slice(0, middle).map(({ tally }) => tally));
  const after = successRate(days.slice(middle).map(({ tally }) => tally));
  if (before === null || after === null) return "";
  return `${percent(before)} in the first half, ${percent(after)} in the second`;
}

function success({ by_day: days, period }) {
  if (period.success_rate === null) {
    return empty("No outcome is known yet.", "Outcomes are stated by agents, or inferred from what was seen: tests, commits, your next words.");
  }
  const { points, each } = byDayOrWeek(days);
  const rated = points.filter(({ rate }) => rate !== null);
  const course = rated.length > 1 ? `; ${percent(rated[0].rate)} in the first ${each}, ${percent(rated.at(-1).rate)} in the last` : "";
  return html`${chart({
    caption: "Success rate over time",
    summary: `${percent(period.success_rate)} over the whole time, a partial success counting half${course}.`,
    x: points.map(({ at }) => at),
    series: [{ label: "Success rate", color: "success", values: points.map(({ rate }) => rate) }],
    words: percent,
    range: [0, 1],
  })}
  ${endings(period)}`;
}

function endings({ interactions, ...ends }) {
  const judged = ["success", "partial", "failure"].map((kind) => ({ kind, label: kind, value: ends[kind] }));
  const known = total(judged.map(({ value }) => value));
  return shares([...judged, { kind: "unknown", label: "not known", value: interactions - known }], number);
}

function answered({ calls }) {
  if (calls.calls === 0) return empty("No model was asked.", "An agent hands work over with ask_local_llm.");
  const part = (value) => `${number(value)} (${percent(value / calls.calls)})`;
  return html`
    ${shares([
      { kind: "local", label: "local", value: calls.local },
      { kind: "remote", label: "remote", value: calls.remote },
      { kind: "failure", label: "no answer", value: calls.failed },
    ], part)}
    <dl class="facts">
      <dt>Good enough by its check</dt><dd>${part(calls.passed)}</dd>
      <dt>Asked a stronger model too</dt><dd>${part(calls.escalated)}</dd>
      <dt>From the cache</dt><dd>${part(calls.cached)}</dd>
    </dl>`;
}

function learned({ learned: entries, skills, uplift }, context) {
  const rows = Object.entries(entries)
    .filter(([, value]) => value > 0)
    .map(([from, value]) => ({ label: origin(from), value, words: number(value) }));
  const proposed = skills.proposed ?? 0;
  return html`
    ${rows.length ? bars(rows, { caption: "Lessons by where they come from" }) : empty("Nothing was learned yet.", "Patterns come from interactions of high value, skills from tasks that recur.")}
    ${proposed ? html`<p class="callout">${icon("warning")} <span>${count(proposed, "skill")} ${proposed === 1 ? "waits" : "wait"} for you to <a href=${context.link("/learning")}>accept or reject</a>.</span></p>` : nothing}
    ${uplift.identifiable ? nothing : html`<p class="note after">${notTold(uplift)}</p>`}`;
}

function notTold({ shown, withheld, shown_rate: rate, withheld_rate: other }) {
  if (rate === null || other === null) {
    return html`Whether showing them helps cannot be told yet: it was known how ${number(shown)} interactions
      ended with a lesson shown, and ${number(withheld)} with one held back.`;
  }
  return html`Whether showing them helps cannot be told from chance yet: ${percent(rate)} of ${count(shown, "interaction")}
    went well with a lesson shown, ${percent(other)} of ${number(withheld)} with one held back.`;
}

function waiting({ jobs, rebuild, totals }) {
  return html`<dl class="facts">
    <dt>Jobs</dt><dd>${jobs.words || NONE}</dd>
    <dt>Waiting, running, given up</dt><dd>${number(jobs.waiting)}, ${number(jobs.running)}, ${number(jobs.parked)}</dd>
    <dt>Not in the index yet</dt><dd>${number(totals.unprojected)}</dd>
    ${rebuild ? html`<dt>Rebuild of the index</dt><dd>${rebuild.problem || `${number(rebuild.done ?? 0)} done`}</dd>` : nothing}
  </dl>`;
}

function engines(parts) {
  const ordered = [...parts].sort((one, other) => one.ok - other.ok);
  return html`<ul class="parts">${ordered.map(({ name, ok, detail, remedy, needed }) => html`
    <li>
      <span>${badge(ok ? "success" : needed ? "failure" : "warning", ok ? "well" : needed ? "broken" : "look at it")}</span>
      <b>${name}</b>
      <span>${detail}${!ok && remedy ? html` <span class="note">${remedy}</span>` : nothing}</span>
    </li>`)}</ul>`;
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);
