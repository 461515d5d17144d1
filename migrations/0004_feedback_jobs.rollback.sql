drop table feedback;
drop table feedback_keys;
drop table feedback_jobs;
drop function release_reservation_of_deleted_job();
