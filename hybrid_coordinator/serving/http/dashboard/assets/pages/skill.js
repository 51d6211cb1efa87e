// One skill: its text, what it rests on, and what to do with it.

import { prompt } from "../components/dialog.js";
import { badge, section } from "../components/marks.js";
import { press } from "../components/work.js";
import { count, fullTime, number, percent, time } from "../lib/format.js";
import { html, nothing } from "../lib/html.js";
import { show } from "../lib/view.js";

export const title = "Skill";

const STATES = {
  proposed: "Proposed: agents do not see it until you accept it.",
  accepted: "Accepted: agents are shown it where it helps.",
  rejected: "Rejected: its tasks are not proposed again.",
  retired: "Retired: it is shown no more.",
};

export function mount(element, context) {
  const view = show(element, context, {
    kinds: ["proposals", "knowledge"],
    load: (signal) => context.api.get(`/api/skills/${encodeURIComponent(context.params.id)}`, {}, signal),
    template: (data) => skill(data, context, () => view.refresh()),
  });
}

function skill(data, context, refresh) {
  const retired = data.item?.delta === "DEPRECATE";
  const state = retired ? "retired" : data.proposal?.state ?? "accepted";
  // Once it is an entry, that is what agents are shown and what is edited.
  const decided = state === "accepted" || state === "retired";
  const subject = (decided && data.item) || data.proposal || data.item;
  return html`
    <p><a href=${context.link("/learning")}>Back to Learning</a></p>
    <article class="entry">
      <h2>${subject.title}</h2>
      <p class="note">${subject.project} · changed <time title=${fullTime(subject.updated_at)}>${time(subject.updated_at)}</time></p>
      <p>${STATES[state]}${data.proposal?.reason ? ` (${data.proposal.reason})` : ""}</p>
      <pre tabindex="0" aria-label="Text of the skill">${subject.content}</pre>
      ${buttons(subject, state, context, refresh)}
      ${data.proposal && data.item ? html`<p><a href=${context.link(`/knowledge/${data.item.id}`)}>The entry that it became</a></p>` : nothing}
    </article>
    ${data.diff ? section("What the new version changes", html`<pre tabindex="0" aria-label="Changes">${data.diff}</pre>${replay(data.proposal)}`) : nothing}
    ${section("What it rests on", evidence(data.evidence, context), count(data.evidence.length, "interaction"))}
    ${data.history.length ? section("How it came about", html`<ul class="plain-list">${data.history.map((each) =>
      html`<li>${time(each.updated_at)}: ${each.kind} ${each.state}${each.reason ? ` (${each.reason})` : ""}</li>`)}</ul>`) : nothing}`;
}

function replay({ replay: compared }) {
  if (!compared) return nothing;
  return html`<p class="note">On ${number(compared.successes + compared.failures)} tasks held out it is found at
    ${percent(compared.new)}, the present version at ${percent(compared.old)}.</p>`;
}

function buttons(subject, state, context, refresh) {
  const act = (action, said, body = async () => ({})) => async (event) => {
    const button = event.currentTarget;
    const given = await body();
    if (given === undefined) return;
    const done = await press(context, button, () => context.api.post(`/api/skills/${subject.id}/${action}`, given));
    if (!done) return;
    context.toast(said);
    refresh();
  };
  const text = async () => {
    const content = await prompt("Edit the skill", { label: "Text", value: subject.content, rows: 14 });
    return content === undefined ? undefined : { content };
  };
  const why = async () => {
    const reason = await prompt("Take it out of use", { label: "Why", action: "Retire", note: "The reason is kept with the skill. It is not learned anew." });
    return reason === undefined ? undefined : { reason };
  };
  const edit = html`<button type="button" @click=${act("edit", "Saved.", text)}>Edit</button>`;
  if (state === "proposed") {
    return html`<div class="buttons start needs-write">
      <button type="button" class="primary" @click=${act("accept", "Accepted: agents are shown it from now on.")}>Accept</button>
      ${edit}
      <button type="button" @click=${act("reject", "Rejected.")}>Reject</button></div>`;
  }
  if (state !== "accepted") return nothing;
  return html`<div class="buttons start needs-write">${edit}
    <button type="button" class="danger" @click=${act("retire", "Retired: it is shown no more.", why)}>Retire</button></div>`;
}

function evidence(rows, context) {
  return html`<ul class="plain-list">${rows.map(({ interaction, supports, held_out: heldOut }) => html`<li>
    ${badge(interaction.outcome?.kind ?? "unknown")}
    <a href=${context.link(`/interactions/${interaction.id}`)}>${interaction.query}</a>
    <span class="note">${supports ? "speaks for it" : "does not speak for it"}${heldOut ? ", held out to judge the text by" : ""}; ${time(interaction.created_at)}</span></li>`)}</ul>`;
}
