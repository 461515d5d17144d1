alter table feedback_jobs
    drop column answers,
    drop column output_tokens;
