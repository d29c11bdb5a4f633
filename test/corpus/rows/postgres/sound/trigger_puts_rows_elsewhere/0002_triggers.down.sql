drop trigger never_again on settings;
drop trigger only_changes on settings;
drop trigger hide on customers;
drop trigger put_elsewhere on events;
drop function never_again, only_changes, hide, put_elsewhere;
drop table events_new;
