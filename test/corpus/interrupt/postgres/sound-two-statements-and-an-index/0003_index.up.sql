-- migrate: no-transaction
create index concurrently users_by_email on users (email);
insert into users (name, email) values ('Grace', 'grace@example.com');
