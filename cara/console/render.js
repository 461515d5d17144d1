/* Renders elements of the page. Texts are inserted as text nodes: nothing is parsed as HTML. */

const EMULATOR = "cara-emulator/";

export const at = (id) => document.getElementById(id);
export const number = (value, digits = 0) => value.toLocaleString(undefined, { maximumFractionDigits: digits });
export const counted = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`;

/** An element with its class and children. */
export function element(name, kind, ...inside) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...inside.filter((part) => part !== null && part !== ""));
  return made;
}

/** A name with its value, and a note below it. */
export function tile(name, value, note = "") {
  return element("div", "", element("dt", "", name), element("dd", "", value, note && element("small", "", note)));
}

/** `highlights.0` as “Highlight 1”, `clarity` as “Clarity”. */
export function heading(part) {
  const [name, index] = part.split(".");
  const words = { highlights: "Highlight", actionItems: "Action" }[name] ?? name[0].toUpperCase() + name.slice(1);
  return index === undefined ? words : `${words} ${Number(index) + 1}`;
}

/** Shows feedback on a transcript, and the XP gained. */
export function showFeedback(feedback, transcript, gained) {
  const { overview, breakdown, measures, highlights, actionItems } = feedback;
  const dial = element("div", "dial", number(overview.score));
  dial.style.setProperty("--score", overview.score);
  const change = overview.scoreChange;
  const against = change === null ? "your first of this kind" : `${change > 0 ? "+" : ""}${number(change, 1)} against your last sessions`;
  at("result").replaceChildren(
    card("Score", element("div", "overview", dial, element("div", "",
      element("p", "", overview.summary), element("p", "soft", [against, gained && `+${gained} XP`].filter(Boolean).join(" · ")))),
      ...Object.entries({ ...breakdown.communication, ...breakdown.content }).map(aspectRow)),
    card("Measured", element("dl", "tiles", ...measureTiles(measures)), ...measures.notes.map((note) => element("p", "soft", note))),
    card("In your words", element("div", "transcript", ...markHighlights(transcript, highlights)), element("ol", "", ...highlights.map(highlightItem))),
    card("To practise next", element("ol", "", ...actionItems.map(({ title, why, exercise }) =>
      element("li", "", element("h3", "", title), element("p", "soft", why), element("p", "", exercise))))),
    element("p", "soft", `Judged by ${feedback.model}${noteEmulator(feedback.model) ? ", the emulator" : ""} · prompt ${feedback.promptVersion}`));
  at("result").hidden = false;
  at("result").scrollIntoView({ block: "start", behavior: "smooth" });
}

const card = (title, ...inside) => element("section", "card", element("h2", "", title), ...inside);

function aspectRow([name, { score, feedback }]) {
  const bar = element("progress", score === null || score >= 70 ? "good" : "fair");
  Object.assign(bar, { max: 100, value: score ?? 0, ariaLabel: name });
  return element("div", "aspect", element("h3", "", heading(name)), bar, element("b", "", score === null ? "–" : number(score)), element("p", "", feedback));
}

function measureTiles(measures) {
  const most = (counts) => Object.entries(counts).sort((one, other) => other[1] - one[1]).slice(0, 4).map(([word, count]) => `${word} ${count}`).join(", ");
  const { paceNorm: norm, fillers, hedges, vocabulary, timing } = measures;
  return [
    ["Words", measures.words, counted(measures.sentences, "sentence")],
    ["Words a minute", measures.wordsPerMinute, norm && `usual ${norm.low}–${norm.high}`],
    ["Fillers", fillers?.count, fillers && most(fillers.byWord)],
    ["Hedges", hedges?.count, hedges && most(hedges.phrases)],
    ["Words a sentence", measures.meanSentenceWords, measures.longestSentenceWords && `longest ${measures.longestSentenceWords}`],
    ["Different words", vocabulary?.distinctWords],
    ["Questions", measures.questions],
    ["Your share of the talk", measures.talkShare && measures.talkShare * 100, "percent of the words"],
    ["Pauses", timing?.pauses?.count, timing?.pauses?.count && `longest ${number(timing.pauses.longestSeconds, 1)} s`],
    ["Seconds until you reply", timing?.responseLatencySeconds?.median, "by the median"],
    ["Interruptions", timing?.interruptions],
  ].filter(([, value]) => value !== null && value !== undefined).map(([name, value, note]) => tile(name, number(value, 1), note || ""));
}

/** The transcript with its highlights marked. Offsets count characters, while JavaScript counts UTF-16 units. */
function markHighlights(transcript, highlights) {
  const characters = Array.from(transcript);
  const text = (from, to) => characters.slice(from, to).join("");
  const nodes = [];
  let shown = 0;
  const ordered = highlights.map((highlight, index) => ({ ...highlight, index })).sort((one, other) => one.start - other.start);
  for (const { start, end, type, comment, index } of ordered.filter((highlight) => highlight.end > highlight.start)) {
    const from = Math.max(start, shown);
    if (end <= from) continue;
    const mark = element("mark", type, text(from, end), element("sup", "", String(index + 1)));
    mark.title = comment;
    nodes.push(text(shown, from), mark);
    shown = end;
  }
  return [...nodes, text(shown)];
}

const highlightItem = ({ type, quote, comment, startSeconds }) =>
  element("li", type, element("b", "", `“${quote}”`), element("small", "", saidAt(startSeconds)), element("p", "", comment));

/** 75.4 seconds as “ at 1:15”; nothing for null, which is unknown. */
const saidAt = (seconds) =>
  typeof seconds === "number" ? ` at ${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}` : "";

/** Whether the model is the emulator; if so, the page shows a notice. */
export function noteEmulator(model) {
  const emulated = model.startsWith(EMULATOR);
  at("emulated").hidden = !emulated;
  at("emulated").textContent = `No Gemini at work: these answers come from the local emulator (${model}), which puts them together by rules.`;
  return emulated;
}
