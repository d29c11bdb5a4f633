delete from events;
