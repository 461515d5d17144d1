import { call, eventsOf, keep, read, signedIn, signOut } from "./calls.js";
import { at, counted, element, heading, isEmulated, number, showFeedback, tile } from "./showing.js";

const FINAL = ["succeeded", "failed", "cancelled"];
const STAGES = {
  queued: "Waiting for a worker",
  retrying: "That did not work out. Another try follows",
  running: "At work",
  measuring: "Measuring the speech",
  asking: "Judging",
  checking: "Looking up every quote",
  saving: "Saving",
};
const LOOKS = 300;

/** Runs what a button started; what goes wrong is said at the top of the page. */
async function attempt(doing) {
  at("problem").hidden = true;
  try {
    await doing();
  } catch (error) {
    at("problem").textContent = error.message;
    at("problem").hidden = false;
    at("problem").scrollIntoView({ block: "nearest" });
  }
  showWhoIsHere();
}

/* The learner */

function showWhoIsHere() {
  at("entry").hidden = signedIn();
  at("desk").hidden = at("who").hidden = !signedIn();
}

/** Begins with a clean desk: somebody else may have sat here. */
async function enter(pair) {
  keep(pair);
  history.length = 0;
  for (const left of document.querySelectorAll("#result > *, #said > div")) left.remove();
  await showStanding();
}

/** Shows level, XP, streak and quota; returns the learner's XP. */
async function showStanding() {
  const [me, quota] = await Promise.all([read("GET", "/api/users/me"), read("GET", "/api/gemini/quota")]);
  at("learner").textContent = me.name;
  at("standing").replaceChildren(
    tile("Level", number(me.level)), tile("XP", number(me.xp)),
    tile("Streak", counted(me.streak, "day"), `longest ${number(me.longestStreak)}`));
  measure("experience", me.xp, me.xp + me.xpToNextLevel, `${number(me.xpToNextLevel)} XP to level ${me.level + 1}`);
  const reset = new Date(quota.resetAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  measure("tokens", quota.tokensUsed, quota.quota,
    `${number(quota.tokensUsed)} of ${number(quota.quota)} tokens used today, ${number(quota.remaining)} left until ${reset}`);
  return me.xp;
}

function measure(id, value, max, words) {
  Object.assign(at(id), { max, value });
  at(`${id}-words`).textContent = words;
}

/* Feedback while it is written */

/** Follows a job by its events; resolves to the job as it ended. */
function follow(job) {
  return new Promise((resolve) => {
    const source = new EventSource(job.eventsUrl);
    const growing = growingText();
    const hear = (name, then) => source.addEventListener(name, (event) => then(JSON.parse(event.data)));
    hear("status", ({ status, stage, progress = 0, attempt: tried }) => {
      growing.restart(tried);
      reach(status === "queued" && tried ? "retrying" : stage ?? status, progress);
    });
    hear("progress", ({ stage, progress, attempt: tried }) => { growing.restart(tried); reach(stage, progress); });
    hear("partial", ({ part, text, attempt: tried }) => { growing.restart(tried); growing.add(part, text); });
    for (const name of FINAL) hear(name, (ended) => { source.close(); resolve(ended); });
    // The browser comes back by itself after a broken connection, but not after a refusal.
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) resolve(lookUntilItEnds(job)); });
  });
}

async function lookUntilItEnds(job) {
  for (let look = 0; look < LOOKS; look += 1) {
    const present = await read("GET", job.statusUrl);
    if (FINAL.includes(present.status)) return present;
    reach(present.stage, present.progress);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
  throw new Error("This takes unusually long. The feedback will stand in your session when it is written.");
}

function reach(stage, percent) {
  at("bar").value = percent;
  at("stage").textContent = STAGES[stage] ?? STAGES.queued;
}

/** The text as it comes, a paragraph for each part of the feedback; another attempt begins anew. */
function growingText() {
  const parts = new Map();
  let current = 0;
  return {
    restart(tried) {
      if (tried === current) return;
      current = tried;
      parts.clear();
      at("growing").replaceChildren();
    },
    add(part, text) {
      if (!parts.has(part)) parts.set(part, at("growing").appendChild(element("p", "", element("b", "", heading(part)), " ")));
      parts.get(part).append(text);
      at("growing").scrollTop = at("growing").scrollHeight;
    },
  };
}

async function giveFeedback(form) {
  const before = await showStanding();
  const title = samples.find((sample) => sample.transcript === form.transcript.value)?.title ?? "From the console";
  const session = await read("POST", "/api/sessions", { featureType: form.featureType.value, title });
  const asked = { sessionId: session.id, transcript: form.transcript.value };
  if (form.duration.value) asked.durationSeconds = Number(form.duration.value);
  const job = await read("POST", "/api/gemini/generate-feedback", asked);
  at("result").hidden = true;
  at("writing").hidden = at("cancel").hidden = false;
  at("growing").replaceChildren();
  reach("queued", 0);
  at("writing").scrollIntoView({ block: "nearest" });
  at("cancel").onclick = () => attempt(() => call("DELETE", job.statusUrl));
  const ended = await follow(job);
  const after = await showStanding();
  if (ended.status === "failed") throw new Error(ended.problem.detail);
  if (ended.status === "cancelled") throw new Error("The feedback was cancelled. It cost no more than what was written.");
  const { transcript } = await read("GET", `/api/sessions/${session.id}`);
  at("writing").hidden = at("cancel").hidden = true;
  showFeedback(ended.feedback, transcript, after - before);
}

/* The coach */

const history = [];

function say(kind, text) {
  const bubble = at("said").appendChild(element("div", kind, text));
  at("said").scrollTop = at("said").scrollHeight;
  return bubble;
}

async function askCoach(prompt, featureType) {
  const body = { prompt, featureType, conversationHistory: history.slice(-10) };
  const bubble = say("theirs", "…");
  try {
    const answer = await streamedAnswer(bubble, body);
    history.push({ role: "user", content: prompt }, { role: "assistant", content: answer.response.slice(0, 8000) });
    const by = isEmulated(answer.model) ? `${answer.model}, the emulator` : answer.model;
    const cut = answer.truncated ? " · cut off at the longest that an answer may be" : "";
    bubble.append(element("small", "", `${by} · ${counted(answer.tokensUsed, "token")}${cut}`));
    await showStanding();
  } catch (error) {
    bubble.className = "failed";
    bubble.append(element("small", "", error.message));
  }
  at("said").scrollTop = at("said").scrollHeight;
}

async function streamedAnswer(bubble, body) {
  const response = await call("POST", "/api/gemini/process", body, "text/event-stream");
  bubble.textContent = "";
  let answer = null;
  for await (const [name, data] of eventsOf(response)) {
    if (name === "error") throw new Error(data.detail);
    if (name === "done") answer = data;
    else bubble.append(data.text);
    at("said").scrollTop = at("said").scrollHeight;
  }
  if (!answer) throw new Error("The answer broke off.");
  return answer;
}

/* Forms */

let samples = [];

/** Handles a form's submission, one at a time. */
function onSubmit(id, handle) {
  at(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const buttons = [...at(id).querySelectorAll("button:not(#cancel)")];
    buttons.forEach((button) => { button.disabled = true; });
    await attempt(() => handle(at(id).elements, event.submitter));
    buttons.forEach((button) => { button.disabled = false; });
  });
}

onSubmit("entry", async ({ email, name, password }, button) => {
  const account = { email: email.value, password: password.value };
  if (button.value === "register") account.name = name.value;
  await enter(await read("POST", `/api/auth/${button.value}`, account));
  password.value = "";
});

onSubmit("practice", async (form) => {
  await giveFeedback(form).finally(() => { at("writing").hidden = at("cancel").hidden = true; });
});

onSubmit("chat", async ({ prompt }) => {
  const said = prompt.value;
  prompt.value = "";
  say("mine", said);
  await askCoach(said, at("practice").elements.featureType.value);
});

at("leave").addEventListener("click", () => attempt(signOut));
at("chat").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  at("chat").requestSubmit();
});

function countWords() {
  const words = at("practice").elements.transcript.value.match(/\S+/g)?.length ?? 0;
  at("length").textContent = words ? counted(words, "word") : "";
}

function fillIn(sample) {
  const { featureType, duration, transcript } = at("practice").elements;
  [featureType.value, duration.value, transcript.value] = [sample.featureType, sample.durationSeconds, sample.transcript];
  countWords();
}

async function open() {
  const offered = await read("GET", "/console/samples");
  samples = offered.samples;
  at("practice").elements.featureType.replaceChildren(...offered.featureTypes.map((kind) => new Option(heading(kind), kind)));
  at("samples").replaceChildren(...samples.map((sample) => {
    const button = element("button", "quiet", sample.title);
    button.type = "button";
    button.addEventListener("click", () => fillIn(sample));
    return button;
  }));
  if (signedIn()) await showStanding();
}

at("practice").addEventListener("input", countWords);
showWhoIsHere();
attempt(open);
