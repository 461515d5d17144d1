drop table audit_log;
drop table sign_in_failures;
drop table refresh_tokens;
drop table refresh_families;
drop table users;
