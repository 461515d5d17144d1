drop table session_keys;
drop table sessions;
drop function feature_types();
