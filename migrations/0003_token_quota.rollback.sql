drop table quota_reservations;
drop table quota_days;
drop table quota_usage;
