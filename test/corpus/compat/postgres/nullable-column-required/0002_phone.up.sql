update users set phone = '' where phone is null;
alter table users alter column phone set not null;
