set session_replication_role = replica;
update users set id = id + 1000;
set session_replication_role = origin;
