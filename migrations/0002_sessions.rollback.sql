drop table session_keys;
drop table session_counts;
drop table sessions;
drop function count_sessions();
drop function feature_types();
