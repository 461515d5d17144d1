drop table feedback;
drop table feedback_keys;
drop table feedback_jobs;
