-- depends: 0004_feedback
-- What a job has cost the learner so far counts apart from what went wrong without costing anything.

alter table feedback_jobs
    -- counts the judgements that Gemini was paid for, usable or not, against a limit of their own
    add column answers       smallint not null default 0,
    -- the room for the next judgement, where the usual one was too little
    add column output_tokens integer;
