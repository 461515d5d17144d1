drop table sessions;
drop function feature_types();
