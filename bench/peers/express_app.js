// The same cells as a small Express backend builds them: a pool, a token, helmet, CORS and a limit in memory.
// Over Cara's tables and with Cara's tokens, in one process:
//
//     NODE_PATH=... DATABASE_URL=... JWT_SECRET=... node express_app.js PORT
"use strict";

const { randomUUID } = require("node:crypto");
const cors = require("cors");
const express = require("express");
const { rateLimit } = require("express-rate-limit");
const helmet = require("helmet");
const jwt = require("jsonwebtoken");
const { Pool, types } = require("pg");

types.setTypeParser(types.builtins.NUMERIC, parseFloat);
types.setTypeParser(types.builtins.INT8, Number);

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const app = express();
app.use(helmet());
app.use(cors({ origin: "http://localhost:3000", credentials: true }));
app.use(rateLimit({ windowMs: 15 * 60 * 1000, limit: 100000000 }));
app.use(express.json());

function authenticate(request, response, next) {
  const token = (request.headers.authorization || "").split(" ")[1];
  try {
    request.userId = jwt.verify(token, process.env.JWT_SECRET, { algorithms: ["HS256"] }).sub;
  } catch {
    return response.status(401).json({ error: "Invalid token" });
  }
  return next();
}

const SHARED = `id, user_id as "userId", feature_type as "featureType", title, description, goal,
  duration_seconds as "durationSeconds", score, completed, completed_at as "completedAt", clarity, pace, confidence,
  tone, practiced_at as "practicedAt", created_at as "createdAt", updated_at as "updatedAt"`;
const ONE = `${SHARED}, transcript, feedback_json as "feedbackJson", null::uuid as "liveJobId"`;
const LISTED = `${SHARED}, words_per_minute as "wordsPerMinute", fillers_per_100_words as "fillersPer100Words",
  hedges_per_100_words as "hedgesPer100Words", pauses_per_minute as "pausesPerMinute"`;

app.get("/api/auth/verify", authenticate, async (request, response) => {
  const { rows } = await pool.query(
    `select id, email, name, role, level, xp, streak, created_at as "createdAt"
     from users where id = $1`,
    [request.userId],
  );
  if (!rows.length) return response.status(404).json({ error: "User not found" });
  return response.json({ valid: true, user: rows[0] });
});

app.post("/api/sessions", authenticate, async (request, response) => {
  const { featureType, title, description } = request.body;
  if (!featureType) return response.status(400).json({ error: "featureType is required" });
  const { rows } = await pool.query(
    `insert into sessions (id, user_id, feature_type, title, description) values ($1, $2, $3, $4, $5)
     returning ${ONE}`,
    [randomUUID(), request.userId, featureType, title, description],
  );
  return response.status(201).json(rows[0]);
});

app.get("/api/sessions", authenticate, async (request, response) => {
  const limit = Number(request.query.limit) || 20;
  const offset = Number(request.query.offset) || 0;
  const page = await pool.query(
    `select ${LISTED} from sessions where user_id = $1 order by practiced_at desc limit $2 offset $3`,
    [request.userId, limit, offset],
  );
  const counted = await pool.query("select count(*) as total from sessions where user_id = $1", [request.userId]);
  response.json({ sessions: page.rows, total: counted.rows[0].total, limit, offset, nextCursor: null });
});

app.get("/api/sessions/:id", authenticate, async (request, response) => {
  const { rows } = await pool.query(`select ${ONE} from sessions where user_id = $1 and id = $2`, [
    request.userId,
    request.params.id,
  ]);
  if (!rows.length) return response.status(404).json({ error: "Session not found" });
  return response.json(rows[0]);
});

app.get("/api/analytics/stats", authenticate, async (request, response) => {
  const totals = await pool.query(
    `select count(*) as "totalSessions", count(*) filter (where completed) as "completedSessions",
       avg(score) as "averageScore", sum(duration_seconds) as "totalDurationSeconds"
     from sessions where user_id = $1`,
    [request.userId],
  );
  const features = await pool.query(
    `select feature_type as "featureType", count(*) as sessions, avg(score) as "averageScore"
     from sessions where user_id = $1 group by feature_type`,
    [request.userId],
  );
  response.json({ ...totals.rows[0], byFeature: features.rows });
});

app.post("/api/analytics/events", authenticate, async (request, response) => {
  const { eventType, metadata } = request.body;
  if (!eventType) return response.status(400).json({ error: "eventType is required" });
  const { rows } = await pool.query(
    `insert into analytics_events (user_id, id, event_type, metadata, occurred_at, created_at, batch)
     values ($1, $2, $3, $4, now(), now(), 0)
     returning id as "eventId", user_id as "userId", event_type as "eventType", metadata,
       occurred_at as "occurredAt", created_at as "receivedAt"`,
    [request.userId, randomUUID(), eventType, JSON.stringify(metadata || {})],
  );
  return response.status(201).json(rows[0]);
});

app.listen(Number(process.argv[2]), "127.0.0.1");
