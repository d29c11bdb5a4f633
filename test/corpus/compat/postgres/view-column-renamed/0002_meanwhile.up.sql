create view buyers as select u.id, u.name as buyer from users u;
