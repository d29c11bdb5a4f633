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

/** Quick ones that are sent together: tables, columns, keys and rows. */
export const QUICK: Record<string, string> = Object.fromEntries(
  Array.from({ length: 8 }, (_, i) => {
    const [n, t] = [i * 5, `t${i}`]
    const parent = i === 0 ? '' : `, parent int, foreign key (parent) references t${i - 1} (id)`
    return [
      `create table ${t} (id int primary key auto_increment, name varchar(50)${parent})`,
      `alter table ${t} add column note text;\nalter table ${t} add column amount int not null default 0`,
      `insert into ${t} (name, note) values ('one', 'x'), ('two', 'y'), ('three', 'z')`,
      `create index ${t}_name on ${t} (name);\nalter table ${t} add column last int`,
      `update ${t} set amount = amount + 1`,
    ].map((sql, j) => [`${n + j + 1}_step.up.sql`, sql])
  }).flat(),
)
