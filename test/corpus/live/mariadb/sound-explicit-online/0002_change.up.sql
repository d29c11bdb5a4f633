alter table orders add index placed (placed_at), algorithm=inplace, lock=none;
alter table users add column nick varchar(30), algorithm=instant;
