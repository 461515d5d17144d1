/** The calls of the README by the SDK that hey-api makes; zod checks what is sent and what is answered. */
import assert from "node:assert/strict";
import {
  account, administrator, assertRenamed, baseUrl, bodyOf, event, events, password, practiced, problemOf, transcript,
} from "./expected.js";
import { client } from "./generated/cara-sdk/client.gen.js";
import type { FeedbackJob, SessionChanges } from "./generated/cara-sdk/index.js";
import * as cara from "./generated/cara-sdk/sdk.gen.js";
import { zChangeProfileBody, zChangeSessionBody, zProblem, zRegisterBody } from "./generated/cara-sdk/zod.gen.js";

let accessToken: string | undefined;
client.setConfig({ baseUrl, auth: ({ scheme }) => (scheme === "bearer" ? accessToken : undefined) });
/** Instead of connecting again and again. */
const fail = (error: unknown) => {
  throw error;
};

// Accounts
const weak = zProblem.parse(problemOf(await cara.register({ body: { ...account, password: "password" } })));
assert.deepEqual([weak.status, weak.code, weak.errors?.[0]?.field], [400, "invalid_input", "password"]);
assert.equal(zProblem.parse({ ...weak, code: "of_a_later_version" }).code, "of_a_later_version");
assert.equal(problemOf(await cara.readProfile()).code, "unauthenticated");

const { user } = bodyOf(await cara.register({ body: zRegisterBody.strict().parse(account) }));
const wrong = await cara.login({ body: { email: account.email, password: "wrong" } });
assert.deepEqual([wrong.response?.status, wrong.error?.code], [401, "invalid_credentials"]);
const signedIn = bodyOf(await cara.login({ body: { email: account.email, password } }));
({ accessToken } = signedIn);
assert.deepEqual(bodyOf(await cara.verify()).user, user);
assert.deepEqual(zChangeProfileBody.parse({}), {});
const profile = bodyOf(await cara.changeProfile({ body: { timezone: "Europe/Berlin" } }));
assert.deepEqual([profile.timezone, profile.name, profile.role], ["Europe/Berlin", account.name, account.role]);

// The coach
const answer = bodyOf(
  await cara.process_({
    body: { prompt: "Can you help me practice a salary negotiation?", featureType: "conversation" },
  }),
);
assert(answer.response.length > 0 && answer.remainingQuota > 0);

// Sessions
const opened = bodyOf(
  await cara.openSession({ body: { featureType: "conversation", title: "Salary Negotiation Practice" } }),
);
assert.equal(opened.userId, user.id);

const path = { id: opened.id };
const before = bodyOf(await cara.changeSession({ path, body: practiced }));
assert.deepEqual({ ...before, ...practiced }, before);
const parsed = zChangeSessionBody.parse({ title: "Renamed" });
assert.deepEqual(parsed, { title: "Renamed" });
const after = bodyOf(await cara.changeSession({ path, body: parsed }));
assertRenamed(before, after);
assertRenamed(after, bodyOf(await cara.changeSession({ path, body: { title: "Renamed again" } })));

const outdated = await cara.changeSession({ path, headers: { "If-Match": '"1"' }, body: { title: "Refused" } });
assert.deepEqual([outdated.response?.status, outdated.error?.code], [412, "precondition_failed"]);
const cleared = bodyOf(await cara.changeSession({ path, body: { title: null } }));
assert.deepEqual([cleared.title, cleared.transcript], [null, transcript]);
assert.deepEqual(bodyOf(await cara.readSession({ path })), cleared);
// @ts-expect-error: completed is true, false or left out
const refused: SessionChanges = { title: "Refused", completed: null };
assert.equal(zChangeSessionBody.safeParse(refused).success, false);

const missing = await cara.readSession({ path: { id: user.id } });
assert.deepEqual([missing.response?.status, missing.error?.code], [404, "not_found"]);
const page = bodyOf(await cara.listSessions({ query: { completed: true } }));
assert.deepEqual([page.total, page.limit, page.sessions[0]?.score], [1, 20, 71.5]);

// Feedback
const accepted = bodyOf(
  await cara.generateFeedback({ body: { sessionId: opened.id, transcript, durationSeconds: 6 } }),
);
const jobPath = { id: accepted.jobId };
const { stream } = await cara.followJob({ path: jobPath, onSseError: fail });
let finished: FeedbackJob | undefined;
for await (const data of stream) if (data && "jobId" in data) finished = data;
const polled = await cara.readJob({ path: jobPath });
const job = bodyOf(polled);
assert.equal(job.status, "succeeded");
assert.deepEqual(finished, job);
const etag = polled.response?.headers.get("ETag") ?? "";
const unchanged = await cara.readJob({ path: jobPath, headers: { "If-None-Match": etag } });
assert.equal(unchanged.response?.status, 304);

// Analytics, quota
const posted = bodyOf(await cara.postEvents({ body: event }));
assert("eventId" in posted && posted.eventId === event.eventId);
assert.deepEqual(bodyOf(await cara.postEvents({ body: { events } })), { accepted: 2, duplicates: 0 });
const statistics = bodyOf(await cara.readStatistics({ query: { from: "2026-01-01" } }));
assert.equal(statistics.timezone, "Europe/Berlin");
assert(bodyOf(await cara.readAdoption()).features.length > 0);
assert(bodyOf(await cara.readQuota()).tokensUsed >= answer.tokensUsed);
const forbidden = await cara.exportAdoption();
assert.deepEqual([forbidden.response?.status, forbidden.error?.code], [403, "forbidden"]);

// What comes back without JSON, and the end
assert("profile" in bodyOf(await cara.exportProfile()));
assert.equal((await cara.deleteSession({ path })).response?.status, 204);
const fresh = bodyOf(await cara.refresh({ body: { refreshToken: signedIn.refreshToken } }));
({ accessToken } = fresh);
assert.equal((await cara.deleteProfile({ body: { password } })).response?.status, 204);
assert.equal(problemOf(await cara.verify()).code, "token_invalid");

const admin = bodyOf(await cara.login({ body: { email: administrator, password } }));
({ accessToken } = admin);
assert.match(bodyOf(await cara.exportAdoption()), /^day,/);
assert.equal(bodyOf(await cara.logout({ body: { refreshToken: admin.refreshToken } })).signedOut, true);
