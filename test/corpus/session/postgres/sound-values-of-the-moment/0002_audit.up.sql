create table audit (id bigint primary key generated always as identity, what text not null, at timestamp not null default now(), day date not null default current_date, nonce text not null default md5(random()::text), seconds bigint not null default extract(epoch from now()));
insert into audit (what) select name from plans order by id;
