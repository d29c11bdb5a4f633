create sequence ticket_numbers;
create table tickets (id bigint primary key default nextval(ticket_numbers), title varchar(100) not null);
