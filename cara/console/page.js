import { call, read, readEvents, signedIn, signOut, storeTokens } from "./api.js";
import { at, counted, element, heading, noteEmulator, number, showFeedback, tile } from "./render.js";

const FINAL = ["succeeded", "failed", "cancelled"];
const STAGES = {
  queued: "Waiting for a worker",
  retrying: "The attempt failed and will be retried",
  running: "Running",
  measuring: "Measuring the speech",
  asking: "Judging",
  checking: "Checking the quotes",
  saving: "Saving",
};
const MAX_POLLS = 300;

/** Runs an action of the learner's; an error is shown at the top of the page. */
async function attempt(action) {
  at("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    at("problem").textContent = error.message;
    at("problem").hidden = false;
    at("problem").scrollIntoView({ block: "nearest" });
  }
  showSignInState();
}

/* The learner */

function showSignInState() {
  at("entry").hidden = signedIn();
  at("workspace").hidden = at("who").hidden = !signedIn();
}

/** Signs in, and clears the page: it may show another learner's data. */
async function signIn(pair) {
  storeTokens(pair);
  history.length = 0;
  for (const node of document.querySelectorAll("#result > *, #speakers > *, #said > div")) node.remove();
  at("which").hidden = true;
  await showProgress();
}

/** Shows level, XP, streak and quota; returns the learner's XP. */
async function showProgress() {
  const [me, quota] = await Promise.all([read("GET", "/api/users/me"), read("GET", "/api/gemini/quota")]);
  at("learner").textContent = me.name;
  at("learner-progress").replaceChildren(
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

/** Follows a job by its events; resolves to the finished job. */
function follow(job) {
  return new Promise((resolve) => {
    const source = new EventSource(job.eventsUrl);
    const partial = partialText();
    const on = (name, then) => source.addEventListener(name, (event) => then(JSON.parse(event.data)));
    on("status", ({ status, stage, progress = 0, attempt: tried }) => {
      partial.restart(tried);
      showStage(status === "queued" && tried ? "retrying" : stage ?? status, progress);
    });
    on("progress", ({ stage, progress, attempt: tried }) => { partial.restart(tried); showStage(stage, progress); });
    on("partial", ({ part, text, attempt: tried }) => { partial.restart(tried); partial.add(part, text); });
    for (const name of FINAL) on(name, (ended) => { source.close(); resolve(ended); });
    // The browser reconnects by itself after a broken connection, but not after a refusal.
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) resolve(pollUntilFinished(job)); });
  });
}

async function pollUntilFinished(job) {
  for (let poll = 0; poll < MAX_POLLS; poll += 1) {
    const present = await read("GET", job.statusUrl);
    if (FINAL.includes(present.status)) return present;
    showStage(present.stage, present.progress);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
  throw new Error("This takes unusually long. The feedback will be in your session when it is finished.");
}

function showStage(stage, percent) {
  at("bar").value = percent;
  at("stage").textContent = STAGES[stage] ?? STAGES.queued;
}

/** Shows the partial text, a paragraph for each part of the feedback; a new attempt starts over. */
function partialText() {
  const parts = new Map();
  let current = 0;
  return {
    restart(tried) {
      if (tried === current) return;
      current = tried;
      parts.clear();
      at("partial-text").replaceChildren();
    },
    add(part, text) {
      if (!parts.has(part)) parts.set(part, at("partial-text").appendChild(element("p", "", element("b", "", heading(part)), " ")));
      parts.get(part).append(text);
      at("partial-text").scrollTop = at("partial-text").scrollHeight;
    },
  };
}

/** Asks for feedback, and who the learner is if the transcript does not tell. */
async function requestFeedback(asked) {
  try {
    return await read("POST", "/api/gemini/generate-feedback", asked);
  } catch (error) {
    if (error.problem?.code !== "learner_unknown") throw error;
    return requestFeedback({ ...asked, learnerLabel: await chosenSpeaker(error) });
  }
}

/** Shows the speakers; resolves to the label of the one that is chosen, or rejects with the refusal. */
function chosenSpeaker(refusal) {
  return new Promise((resolve, reject) => {
    const choice = (text, kind, then) => {
      const button = element("button", kind, text);
      button.type = "button";
      button.addEventListener("click", () => { at("which").hidden = true; then(); });
      return button;
    };
    const named = refusal.problem.speakers.filter(({ label }) => label !== null);
    at("speakers").replaceChildren(
      ...named.map(({ label, words }) => choice(`${label} · ${counted(words, "word")}`, "", () => resolve(label))),
      choice("None of them", "quiet", () => reject(refusal)));
    at("which").hidden = false;
    at("which").scrollIntoView({ block: "nearest" });
  });
}

async function giveFeedback(form) {
  const before = await showProgress();
  const title = samples.find((sample) => sample.transcript === form.transcript.value)?.title ?? "From the console";
  const session = await read("POST", "/api/sessions", { featureType: form.featureType.value, title });
  const asked = { sessionId: session.id, transcript: form.transcript.value };
  if (form.duration.value) asked.durationSeconds = Number(form.duration.value);
  const job = await requestFeedback(asked);
  at("result").hidden = true;
  at("writing").hidden = at("cancel").hidden = false;
  at("partial-text").replaceChildren();
  showStage("queued", 0);
  at("writing").scrollIntoView({ block: "nearest" });
  at("cancel").onclick = () => attempt(() => call("DELETE", job.statusUrl));
  const ended = await follow(job);
  const after = await showProgress();
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
    const by = noteEmulator(answer.model) ? `${answer.model}, the emulator` : answer.model;
    const cut = answer.truncated ? " · cut off at the maximum length" : "";
    bubble.append(element("small", "", `${by} · ${counted(answer.tokensUsed, "token")}${cut}`));
    await showProgress();
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
  for await (const [name, data] of readEvents(response)) {
    if (name === "error") throw new Error(data.detail);
    if (name === "done") answer = data;
    else bubble.append(data.text);
    at("said").scrollTop = at("said").scrollHeight;
  }
  if (!answer) throw new Error("The answer ended early.");
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
  await signIn(await read("POST", `/api/auth/${button.value}`, account));
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

at("sign-out").addEventListener("click", () => attempt(signOut));
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
  const options = await read("GET", "/console/samples");
  samples = options.samples;
  at("practice").elements.featureType.replaceChildren(...options.featureTypes.map((kind) => new Option(heading(kind), kind)));
  at("samples").replaceChildren(...samples.map((sample) => {
    const button = element("button", "quiet", sample.title);
    button.type = "button";
    button.addEventListener("click", () => fillIn(sample));
    return button;
  }));
  if (signedIn()) await showProgress();
}

at("practice").addEventListener("input", countWords);
showSignInState();
attempt(open);
