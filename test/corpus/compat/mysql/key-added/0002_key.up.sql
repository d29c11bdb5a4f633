alter table orders add unique key one_of_each (user_id, state);
