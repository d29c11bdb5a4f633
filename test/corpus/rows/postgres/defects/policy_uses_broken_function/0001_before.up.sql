create table members (id bigint generated always as identity primary key, team text not null);
create table notes (id bigint generated always as identity primary key, team text not null, body text);
create function may_see(wanted text) returns boolean language plpgsql stable as $$ begin return exists (select 1 from members m where m.team = wanted); end $$;
alter table notes enable row level security;
create policy seen on notes using (may_see(team));
