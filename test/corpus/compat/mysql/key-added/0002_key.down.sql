alter table orders add key user_id (user_id), drop key one_of_each;
