drop table audit_log;
drop table refresh_tokens;
drop table users;
