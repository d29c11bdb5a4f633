drop table login_events, events;
