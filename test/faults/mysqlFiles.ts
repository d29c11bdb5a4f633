/** Migrations of all kinds: rows alone, one statement, many, ones that take their time. */
export const FILES: Record<string, string> = {
  '1_base.up.sql': `create table big (id int primary key auto_increment, t varchar(200) not null);
insert into big (t) select repeat('x', 200) from information_schema.collations a, (select 1 from information_schema.collations limit 40) b;
create table counts (id int primary key, n int not null);
insert into counts values (1, 0)`,
  '1_base.down.sql': 'drop table big; drop table counts',
  '2_wide.up.sql': `alter table big add column a int not null default 0, algorithm=copy;
update counts set n = n + 1;
create index by_a on big (a, t);
create table made (id int primary key);
insert into made values (1), (2), (3);`,
  '2_wide.down.sql': 'drop table made; drop index by_a on big; alter table big drop column a, algorithm=copy',
  '3_rows.up.sql': 'update counts set n = n + 10; insert into made values (4), (5)',
  '3_rows.down.sql': 'delete from made where id > 3; update counts set n = n - 10',
  '4_names.up.sql': `rename table made to renamed;
create view seen as select id from renamed;
create trigger tr before insert on renamed for each row begin set new.id = new.id + 0; end;
create procedure p() begin select 1; select 2; end`,
  '4_names.down.sql': 'drop procedure p; drop trigger tr; drop view seen; rename table renamed to made',
}
