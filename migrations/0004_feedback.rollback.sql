drop table feedback;
drop table feedback_jobs;
