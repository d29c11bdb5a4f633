/** One of everything that a copy must have, in the order in which people make it. @param mariadb what only that has, and has not */
export function everything(mariadb: boolean): Record<string, string> {
  return {
    '1_tables.up.sql': `
create table teams (id int primary key auto_increment, name varchar(50) not null comment 'with ; and ''quotes''', boss int, unique key (name));
create table users (
  id bigint unsigned primary key auto_increment,
  team int,
  name varchar(100) character set latin1 collate latin1_bin not null default 'x',
  full_name varchar(120) generated always as (concat(name, '!')) virtual,
  len int as (char_length(name)) stored,
  born date not null default '2000-01-01',
  touched timestamp not null default current_timestamp on update current_timestamp,
  at_noon timestamp not null default '2020-01-01 12:00:00',
  bits bit(5) default b'101', amount decimal(10,2) default 1.50, doc json, blobby blob, kind enum('a','it''s') default 'a', flags set('x','y'),
  constraint positive check (amount > 0),
  constraint team_of foreign key (team) references teams (id) on delete set null on update cascade,
  key by_name (name(10), born), fulltext key words (name)
) comment = 'people', default charset = utf8mb4 collate = utf8mb4_bin;
alter table teams add constraint boss_of foreign key (boss) references users (team) on delete no action;
`
      .replace('references users (team)', 'references teams (id)')
      .trim(),
    '2_parts.up.sql': `
create table parts (id int not null, y int not null, primary key (id, y)) partition by range (y) subpartition by hash (id) subpartitions 2 (partition p0 values less than (2000), partition p1 values less than maxvalue);
create table \`odd "n\`\`ame\` (\`a b\` int, \`c''d\` int, unique key \`k 1\` (\`a b\` desc));
create table old (d date, n int auto_increment primary key) engine=MyISAM;
create table places (id int primary key, at point not null, spatial index (at));
create table hidden (id int primary key, secret int default 7 invisible);
alter table hidden add index by_secret (secret) ${mariadb ? 'ignored' : 'invisible'};
${mariadb ? 'create sequence numbers start with 5 increment by 2; create table numbered (id int default nextval(numbers));' : 'create index by_upper on teams ((upper(name)));'}`,
    '3_texts.up.sql': `
create view b_first as select id, name from teams;
create view a_second as select name as b_first, id as c from b_first where id > 0 with check option;
create sql security invoker view c_third as select b_first.b_first, t.name from a_second b_first join teams t on t.id = b_first.c;
create function twice(n int) returns int deterministic return n * 2;
create view d_fourth as select twice(id) as n from teams;
delimiter //
create procedure fill(in n int)
  comment 'with ; inside'
begin
  declare exit handler for sqlexception begin rollback; resignal; end;
  if n > 0 then insert into teams (name) values (concat('team ', n)); end if;
end//
create trigger first_of before insert on teams for each row begin set new.name = trim(new.name); end//
create trigger second_of before insert on teams for each row follows first_of set new.name = concat(new.name, '')//
create event nightly on schedule every 1 day starts '2030-01-01 00:00:00' on completion preserve comment 'at night' do begin delete from parts; end//
delimiter ;
set sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';
create function ansi() returns varchar(10) deterministic return '\\';
create view "with ansi" as select "name" from teams where name <> 'a\\';`,
    '4_rows.up.sql': `
set sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
insert into teams (id, name) values (0, 'zero'), (7, 'seven');
insert into users (team, name, doc, blobby, kind, flags) values (7, 'Ada', '{"a": [1, null]}', x'00ff27', 'it''s', 'x,y'), (null, 'é', null, null, 'a', '');
insert into parts values (1, 1999), (2, 2020); insert into \`odd "n\`\`ame\` values (1, 2), (null, 3);
insert into old (d) values ('0000-00-00'), ('2020-02-02'); insert into places values (1, point(1, 2));
insert into hidden (id) values (1); insert into hidden (id, secret) values (2, 8);
alter table teams auto_increment = 100; update teams set boss = 7 where id = 0;
call fill(1);`,
  }
}
