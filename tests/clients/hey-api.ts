/** The calls of the README by the SDK that hey-api makes; zod checks what is sent and what is answered. */
import assert from "node:assert/strict";
import { account, assertRenamed, bodyOf, practiced, transcript, url } from "./expected.js";
import { client } from "./generated/hey-api/client.gen.js";
import * as cara from "./generated/hey-api/sdk.gen.js";
import { zChangeProfileBody, zChangeSessionBody, zRegisterBody } from "./generated/hey-api/zod.gen.js";

client.setConfig({ baseUrl: url });
/** Instead of connecting again and again. */
const fail = (error: unknown) => {
  throw error;
};

const registration = zRegisterBody.strict().parse(account());
const { accessToken, user } = bodyOf(await cara.register({ body: registration }));
client.setConfig({ auth: accessToken });

const answer = bodyOf(
  await cara.process_({
    body: { prompt: "Can you help me practice a salary negotiation?", featureType: "conversation" },
  }),
);
assert(answer.response.length > 0 && answer.remainingQuota > 0);

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

const cleared = bodyOf(await cara.changeSession({ path, body: { title: null } }));
assert.deepEqual([cleared.title, cleared.transcript], [null, transcript]);
// @ts-expect-error: completed is true, false or left out
await assert.rejects(cara.changeSession({ path, body: { title: "Refused", completed: null } }), { name: "ZodError" });
assert.deepEqual(zChangeProfileBody.parse({}), {});

const job = bodyOf(
  await cara.generateFeedback({ body: { sessionId: opened.id, transcript, durationSeconds: 6 } }),
);
const { stream } = await cara.followJob({ path: { id: job.jobId }, onSseError: fail });
let last: unknown;
for await (const data of stream) last = data;
assert.equal((last as { status?: string }).status, "succeeded");

const page = bodyOf(await cara.listSessions({ query: { completed: true } }));
assert.deepEqual([page.total, page.limit], [1, 20]);

for (const body of [{ eventType: "opened" }, { events: [{ eventType: "read", metadata: { pages: [1, null] } }] }]) {
  bodyOf(await cara.postEvents({ body }));
}
