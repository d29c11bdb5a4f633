/** Pairs of schemas that MySQL or MariaDB makes difficult, each with the reason. */

export interface Pair {
  readonly name: string
  readonly only?: 'MySQL' | 'MariaDB'
  readonly from: string
  readonly to: string
  /** Rows that the schema before holds, and the one after. */
  readonly rows?: string
  readonly rowsTo?: string
  /** `KIND OLD = NEW`. */
  readonly renames?: readonly string[]
  readonly fill?: Readonly<Record<string, string>>
  readonly map?: Readonly<Record<string, string>>
  readonly using?: Readonly<Record<string, string>>
  /** The answers of the way back. */
  readonly back?: { fill?: Record<string, string>; map?: Record<string, string>; using?: Record<string, string> }
  /** A query, and what it returns after the up; and after the down. */
  readonly query?: string
  readonly after?: readonly unknown[]
  readonly afterDown?: readonly unknown[]
}

const CIRCLE = (type: string) => `
create table a (id ${type} primary key, b ${type});
create table b (id ${type} primary key, a ${type}, constraint b_a foreign key (a) references a (id));
alter table a add constraint a_b foreign key (b) references b (id);`

export const PAIRS: readonly Pair[] = [
  {
    name: 'both ends of foreign keys get another type, in a circle and with rows',
    from: CIRCLE('int'),
    to: CIRCLE('bigint unsigned'),
    rows: 'insert into a values (1, null); insert into b values (2, 1); update a set b = 2;',
    query: 'select b from a',
    after: [{ b: 2 }],
  },
  {
    name: 'a table that refers to itself loses the column, and gets it',
    from: 'create table t (id int primary key, parent int, constraint up foreign key (parent) references t (id) on delete cascade);',
    to: 'create table t (id int primary key);',
    rows: 'insert into t values (1, null), (2, 1);',
  },
  {
    name: 'a renamed column is in a check, in computed columns, in keys and at both ends of foreign keys',
    from: `create table p (id int primary key, code int not null, unique key code (code));
create table t (id int primary key, price int, gross int as (price * 2) virtual, net int as (price - 1) stored, code int, key by_price (price), key by_gross (gross), constraint paid check (price > 0), constraint of_code foreign key (code) references p (code));`,
    to: `create table p (id int primary key, number int not null, unique key code (number));
create table t (id int primary key, cost int, gross int as (cost * 2) virtual, net int as (cost - 1) stored, number int, key by_price (cost), key by_gross (gross), constraint paid check (cost > 0), constraint of_code foreign key (number) references p (number));`,
    rows: 'insert into p values (1, 7); insert into t (id, price, code) values (1, 5, 7);',
    renames: ['column p.code = p.number', 'column t.price = t.cost', 'column t.code = t.number'],
    query: 'select cost, gross, net, number from t',
    after: [{ cost: 5, gross: 10, net: 4, number: 7 }],
  },
  {
    name: 'a renamed column is in an expression of an index',
    only: 'MySQL',
    from: 'create table t (id int primary key, name varchar(20), key low ((lower(name))));',
    to: 'create table t (id int primary key, title varchar(20), key low ((lower(title))));',
    rows: "insert into t values (1, 'X');",
    renames: ['column t.name = t.title'],
    query: 'select title from t',
    after: [{ title: 'X' }],
  },
  {
    name: 'a renamed column is in the expression of the partitions',
    from: 'create table t (id int not null, y int not null, primary key (id, y)) partition by range (y) (partition p0 values less than (10), partition p1 values less than maxvalue);',
    to: 'create table t (id int not null, z int not null, primary key (id, z)) partition by range (z) (partition p0 values less than (10), partition p1 values less than maxvalue);',
    rows: 'insert into t values (1, 5), (2, 50);',
    renames: ['column t.y = t.z'],
    query: 'select z from t order by 1',
    after: [{ z: 5 }, { z: 50 }],
  },
  {
    name: 'a renamed table has a trigger, a view on it, and foreign keys from and to it',
    from: `create table p (id int primary key);
create table old (id int primary key, p int, foreign key (p) references p (id), check (id > 0));
create table c (id int primary key, o int, constraint c_o foreign key (o) references old (id));
create trigger tr before insert on old for each row set new.id = new.id + 0;
create view v as select id from old;`,
    to: `create table p (id int primary key);
create table young (id int primary key, p int, foreign key (p) references p (id), check (id > 0));
create table c (id int primary key, o int, constraint c_o foreign key (o) references young (id));
create trigger tr before insert on young for each row set new.id = new.id + 0;
create view v as select id from young;`,
    rows: 'insert into p values (1); insert into old values (1, 1); insert into c values (1, 1);',
    renames: ['table old = young'],
    query: 'select id, p from young',
    after: [{ id: 1, p: 1 }],
  },
  {
    name: 'two tables swap their names',
    from: 'create table a (id int primary key, x int); create table b (id int primary key, y varchar(5));',
    to: 'create table b (id int primary key, x int); create table a (id int primary key, y varchar(5));',
    rows: "insert into a values (1, 2); insert into b values (3, 'z');",
    renames: ['table a = b', 'table b = a'],
    query: 'select x from b',
    after: [{ x: 2 }],
  },
  {
    name: 'two columns swap their names',
    from: 'create table t (id int primary key, a int, b varchar(5), key ka (a));',
    to: 'create table t (id int primary key, b int, a varchar(5), key ka (b));',
    rows: "insert into t values (1, 2, 'z');",
    renames: ['column t.a = t.b', 'column t.b = t.a'],
    query: 'select a, b from t',
    after: [{ a: 'z', b: 2 }],
  },
  {
    name: 'computed columns become stored ones and plain ones, and keep their values',
    from: 'create table t (id int primary key, a int, v int as (a + 1) virtual, s int as (a + 2) stored, w int as (a + 3) virtual, unique key kv (v), key kw (w));',
    to: 'create table t (id int primary key, a int, v int, s int, w int as (a + 3) stored, unique key kv (v), key kw (w));',
    rows: 'insert into t (id, a) values (1, 1), (2, 5);',
    query: 'select v, s, w from t order by id',
    after: [
      { v: 2, s: 3, w: 4 },
      { v: 6, s: 7, w: 8 },
    ],
  },
  {
    name: 'columns that must not be null are filled, without firing triggers or touching times',
    from: `create table t (id int primary key, a int, name varchar(10), touched timestamp not null default '2020-01-01 00:00:00' on update current_timestamp);
create table log (n int);
create trigger tr before update on t for each row insert into log values (1);`,
    to: `create table t (id int primary key, a int not null, name varchar(10), country char(2) not null, mail varchar(30) not null, doc text not null, touched timestamp not null default '2020-01-01 00:00:00' on update current_timestamp);
create table log (n int);
create trigger tr before update on t for each row insert into log values (1);`,
    rows: "insert into t (id, a, name) values (1, null, 'x'), (2, 4, 'y');",
    fill: { 't.a': '9', 't.country': "'DE'", 't.mail': "concat(name, '@x')", 't.doc': "'-'" },
    query: 'select a, country, mail, doc, year(touched) as y, (select count(*) from log) as n from t order by id',
    after: [
      { a: 9, country: 'DE', mail: 'x@x', doc: '-', y: 2020, n: 0 },
      { a: 4, country: 'DE', mail: 'y@x', doc: '-', y: 2020, n: 0 },
    ],
  },
  {
    name: 'values of enums and sets go, come and get other names',
    from: "create table t (id int primary key, e enum('a','b','c') not null default 'a', s set('r','g','b'), f enum('x','y'));",
    to: "create table t (id int primary key, e enum('c','new','d') not null default 'c', s set('r','b'), f enum('ex','y'));",
    rows: "insert into t values (1, 'a', 'r,g', 'x'), (2, 'b', 'g', 'y'), (3, 'c', 'r,b', null);",
    map: { "t.e.'a'": "'c'", "t.e.'b'": "'new'", "t.s.'g'": "'b'" },
    renames: ["value t.f.'x' = t.f.'ex'"],
    back: { map: { "t.e.'new'": "'b'", "t.e.'d'": "'a'" } },
    query: 'select e, s, f from t order by id',
    after: [
      { e: 'c', s: 'r,b', f: 'ex' },
      { e: 'new', s: 'b', f: 'y' },
      { e: 'c', s: 'r,b', f: null },
    ],
    afterDown: [
      { e: 'c', s: 'r,b', f: 'x' },
      { e: 'b', s: 'b', f: 'y' },
      { e: 'c', s: 'r,b', f: null },
    ],
  },
  {
    name: 'a type changes by an expression',
    from: 'create table t (id int primary key, age varchar(10), key by_age (age));',
    to: 'create table t (id int primary key, age int, key by_age (age));',
    rows: "insert into t values (1, 'x12'), (2, '');",
    using: { 't.age': "nullif(replace(age, 'x', ''), '')" },
    query: 'select age from t order by id',
    after: [{ age: 12 }, { age: null }],
    back: { using: { 't.age': "concat('x', age)" } },
    afterDown: [{ age: 'x12' }, { age: null }],
  },
  {
    name: 'a column gets another type and must not be null any more',
    from: 'create table t (id int primary key, born varchar(20));',
    to: 'create table t (id int primary key, born date not null);',
    rows: "insert into t values (1, null), (2, '2001-02-03');",
    fill: { 't.born': "'1999-01-01'" },
    query: "select date_format(born, '%Y-%m-%d') as born from t order by id",
    after: [{ born: '1999-01-01' }, { born: '2001-02-03' }],
  },
  {
    name: 'partitions are divided, joined, added and taken away, and rows stay',
    from: `create table a (y int) partition by range (y) (partition p0 values less than (10), partition p1 values less than (20), partition pm values less than maxvalue);
create table b (y int) partition by range (y) (partition p0 values less than (10), partition p1 values less than (20));
create table c (y int) partition by list (y) (partition p0 values in (1,2), partition p1 values in (3));
create table d (y int) partition by range (y) subpartition by hash (y) subpartitions 2 (partition p0 values less than (10), partition p1 values less than maxvalue);
create table e (y int) partition by hash (y) partitions 2;
create table f (y int) partition by range (y) (partition p1 values less than (20), partition p2 values less than (30));`,
    to: `create table a (y int) partition by range (y) (partition p0 values less than (10), partition pa values less than (30), partition pb values less than (40), partition pm values less than maxvalue);
create table b (y int) partition by range (y) (partition p1 values less than (20), partition p2 values less than (30));
create table c (y int) partition by list (y) (partition p0 values in (1), partition p1 values in (3,2), partition p2 values in (7));
create table d (y int) partition by range (y) subpartition by hash (y) subpartitions 3 (partition p0 values less than (10), partition p1 values less than maxvalue);
create table e (y int) partition by hash (y) partitions 5;
create table f (y int) partition by range (y) (partition p0 values less than (10), partition p1 values less than (20), partition p2 values less than (30));`,
    rows: 'insert into a values (5), (25), (45); insert into b values (5), (15); insert into c values (1), (2), (3); insert into d values (1), (11); insert into e values (1), (2); insert into f values (1), (25);',
    query:
      'select (select count(*) from a) a, (select count(*) from b) b, (select count(*) from c) c, (select count(*) from d) d, (select count(*) from e) e, (select count(*) from f) f',
    after: [{ a: 3, b: 2, c: 3, d: 2, e: 2, f: 2 }],
  },
  {
    name: 'several full-text indexes and a spatial one come at once',
    from: 'create table t (id int primary key, a text, b text, at point not null);',
    to: 'create table t (id int primary key, a text, b text, at point not null, fulltext key fa (a), fulltext key fb (b), fulltext key fab (a, b), spatial key sp (at));',
    rows: "insert into t values (1, 'x', 'y', point(1, 2));",
  },
  {
    name: 'a column goes with the index on its expression',
    only: 'MySQL',
    from: "create table t (id int primary key, name varchar(20), doc json, key low ((lower(name))), key tags ((cast(doc->'$.tags' as unsigned array))));",
    to: 'create table t (id int primary key);',
  },
  {
    name: 'the primary key and the numbered column change',
    from: 'create table t (a int not null auto_increment, b int not null, c int, primary key (a), unique key ub (b));',
    to: 'create table t (a int not null, b int not null auto_increment, c int, primary key (b, a), key ka (a));',
    rows: 'insert into t values (1, 10, 1), (2, 20, 2);',
  },
  {
    name: 'the engine and options of a table change',
    from: "create table t (id int primary key, d text, fulltext key (d)) engine = MyISAM max_rows = 50 comment = 'it''s; \\\\ old';",
    to: "create table t (id int primary key, d text, fulltext key (d)) engine = InnoDB row_format = dynamic stats_persistent = 1 comment = 'new\nline';",
    rows: "insert into t values (1, 'x');",
  },
  {
    name: 'two views change which of them reads the other',
    from: 'create table t (id int); create view a as select id from t; create view b as select id from a;',
    to: 'create table t (id int); create view b as select id from t; create view a as select id from b;',
  },
  {
    name: 'views with security, check option, algorithm and another owner',
    from: 'create table t (id int, x int); create view v as select id from t where id > 0; create view w as select id from v;',
    to: "create table t (id int, x int); create algorithm = merge definer = 'somebody'@'%' sql security invoker view v as select id, x from t where id > 0 with local check option; create view w as select id from v where id > 1 with cascaded check option;",
  },
  {
    name: 'a view becomes a table and a table a view, each under its name',
    from: 'create table base (id int); create view v as select id from base; create table t (id int); create view over_t as select id from t;',
    to: 'create table base (id int); create table v (id int primary key); create view t as select id from base; create view over_t as select id from t;',
  },
  {
    name: 'triggers fire in another order, and one moves to another table',
    from: `create table t (id int, a int); create table u (id int, a int);
create trigger one before insert on t for each row set new.a = 1;
create trigger two before insert on t for each row set new.a = new.a * 2;
create trigger three before insert on t for each row set new.a = new.a + 3;
create trigger moving after insert on t for each row set @x = 1;`,
    to: `create table t (id int, a int); create table u (id int, a int);
create trigger three before insert on t for each row set new.a = new.a + 3;
create trigger one before insert on t for each row set new.a = 1;
create trigger two before insert on t for each row set new.a = new.a * 2;
create trigger between_them before insert on t for each row follows one set new.a = new.a - 1;
create trigger moving after insert on u for each row set @x = 1;`,
  },
  {
    name: 'a column goes that a trigger, a view and a procedure name, and they change with it',
    from: `create table t (id int, a int, b int);
create trigger tr before insert on t for each row set new.b = new.a;
create view v as select a, b from t;
create procedure p() select a from t;`,
    to: `create table t (id int, b int);
create trigger tr before insert on t for each row set new.b = 1;
create view v as select b from t;
create procedure p() select b from t;`,
  },
  {
    name: 'routines that keep their own settings',
    from: `set sql_mode = 'ANSI_QUOTES'; create function f() returns varchar(10) deterministic return '1'; set sql_mode = default;
create event e on schedule every 1 day starts '2030-01-01 00:00:00' do select 1;`,
    to: `set sql_mode = 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'; create function f() returns varchar(10) deterministic return 'a\\' || 'b'; set sql_mode = default;
delimiter //
create event e on schedule at '2040-01-01 00:00:00' on completion preserve disable comment 'a;b' do begin select 1; select 2; end//
create procedure p() begin declare x int; set x = 1; end//
delimiter ;`,
  },
  {
    name: 'names with quotes, blanks, keywords, letters beyond ASCII and upper case',
    from: 'create table `ta``b le` (`a b` int primary key, `select` int, `Ünï` int, key `k ``1` (`select`), constraint `c h` check (`select` > 0));',
    to: 'create table `ta``b le` (`a b` bigint primary key, `Ünï` int, `select` int, `from.where` int not null default 1, key `k ``1` (`select`, `from.where`), constraint `c h` check (`select` > 1)); create table `Order` (`a``b` int primary key, `x` bigint, constraint `f k` foreign key (`x`) references `ta``b le` (`a b`));',
    rows: 'insert into `ta``b le` values (1, 2, 3);',
  },
  {
    name: 'indexes that foreign keys make by themselves appear and vanish',
    from: 'create table p (id int primary key, n int unique); create table c (id int primary key, a int, b int, foreign key (a) references p (id), foreign key (b) references p (n));',
    to: 'create table p (id int primary key, n int unique); create table c (id int primary key, a int, b int, key own (a, b), foreign key (a) references p (id), constraint other foreign key (b) references p (id) on delete set null);',
    rows: 'insert into p values (1, 1); insert into c values (1, 1, 1);',
  },
  {
    name: 'an index under a foreign key gets another form',
    from: 'create table p (a int, b int, primary key (a)); create table c (id int primary key, x int, y int, key k (x), constraint f foreign key (x) references p (a));',
    to: 'create table p (a int, b int, unique key ab (a, b)); create table c (id int primary key, x int, y int, key k (x, y), constraint f foreign key (x) references p (a));',
    only: 'MariaDB',
    rows: 'insert into p values (1, 1); insert into c values (1, 1, 1);',
    fill: {},
  },
  {
    name: 'only the case of names differs, in columns that others use',
    from: "create table t (Id int primary key, userName varchar(10), low varchar(10) as (lower(userName)) virtual, key K (userName), constraint filled check (userName <> ''));",
    to: "create table t (id int primary key, username varchar(10), low varchar(10) as (lower(username)) virtual, key k (username), constraint filled check (username <> ''));",
    rows: "insert into t (Id, userName) values (1, 'X');",
    query: 'select id, username, low from t',
    after: [{ id: 1, username: 'X', low: 'x' }],
  },
  {
    name: 'indexes hide, show, become unique, turn round and get comments',
    from: "create table t (a int, b int, c int, key ka (a), unique key kb (b), key kc (c) comment 'old');",
    to: "create table t (a int, b int, c int, unique key ka (a), key kb (b desc), key kc (c) comment 'it''s (new), \\\\ `x`');",
  },
  {
    name: 'an index becomes invisible',
    only: 'MySQL',
    from: 'create table t (a int, b int, key ka (a), key kb (b) invisible);',
    to: 'create table t (a int, b int, key ka (a) invisible, key kb (b));',
  },
  {
    name: 'an index is ignored',
    only: 'MariaDB',
    from: 'create table t (a int, b int, key ka (a), key kb (b) ignored);',
    to: 'create table t (a int, b int, key ka (a) ignored, key kb (b));',
  },
  {
    name: 'all columns of a table are others',
    from: 'create table t (a int primary key, b int);',
    to: "create table t (x varchar(10) not null default 'x', y int as (char_length(x)) stored, key ky (y));",
    rows: 'insert into t values (1, 2);',
  },
  {
    name: 'a column of a unique key over several goes',
    from: 'create table t (id int primary key, a int, b int, unique key ab (a, b), key ba (b, a));',
    to: 'create table t (id int primary key, a int, unique key ab (a));',
    rows: 'insert into t values (1, 1, 1), (2, 2, 1);',
  },
  {
    name: 'the character set of tables changes with their text keys and rows',
    from: `create table p (code varchar(20) primary key, v text, e enum('é', 'b')) default charset = utf8mb3;
create table c (id int primary key, code varchar(20), note varchar(50) character set latin1, constraint c_p foreign key (code) references p (code) on update cascade) default charset = utf8mb3;`,
    to: `create table p (code varchar(20) primary key, v text, e enum('é', 'b')) default charset = utf8mb4;
create table c (id int primary key, code varchar(20), note varchar(50), constraint c_p foreign key (code) references p (code) on update cascade) default charset = utf8mb4;`,
    rows: "insert into p values ('é', 'ü', 'é'); insert into c values (1, 'é', 'ö');",
    query: 'select v, e, note from p join c on p.code = c.code',
    after: [{ v: 'ü', e: 'é', note: 'ö' }],
  },
  {
    name: 'the name of a check moves to another table, old or new',
    from: 'create table a (x int, constraint positive check (x > 0)); create table b (x int);',
    to: 'create table a (x int); create table b (x int, constraint positive check (x > 0)); create table d (x int);',
  },
  {
    name: 'a foreign key changes its rule, its name, its target',
    from: 'create table p (id int primary key); create table q (id int primary key); create table c (id int primary key, x int, y int, z int, constraint f1 foreign key (x) references p (id), constraint f2 foreign key (y) references p (id), constraint f3 foreign key (z) references p (id));',
    to: 'create table p (id int primary key); create table q (id int primary key); create table c (id int primary key, x int, y int, z int, constraint f1 foreign key (x) references p (id) on delete cascade on update cascade, constraint g2 foreign key (y) references p (id), constraint f3 foreign key (z) references q (id));',
  },
  {
    name: 'a table that is referred to is replaced by another under the same key',
    from: 'create table p (id int primary key); create table c (id int primary key, x int, constraint f foreign key (x) references p (id));',
    to: 'create table r (id int primary key); create table c (id int primary key, x int, constraint f foreign key (x) references r (id));',
  },
  {
    name: 'a chain of tables goes, and one comes',
    from: 'create table a (id int primary key); create table b (id int primary key, foreign key (id) references a (id)); create table c (id int primary key, foreign key (id) references b (id));',
    to: 'create table z (id int primary key); create table y (id int primary key, constraint y_z foreign key (id) references z (id)); create table x (id int primary key, constraint x_y foreign key (id) references y (id));',
    rows: 'insert into a values (1); insert into b values (1); insert into c values (1);',
  },
  {
    name: 'defaults, comments and attributes of columns',
    from: "create table t (id int primary key, a int unsigned default 1, b varchar(10) default 'x' comment 'it''s', c datetime, d decimal(5,2) default 1.50, e bit(4), f char(3) binary);",
    to: "create table t (id int primary key, a int unsigned zerofill default 2, b varchar(10) comment 'two\\nlines; `q` \\\\', c datetime(3) default current_timestamp(3) on update current_timestamp(3), d decimal(6,3) default (1 + 1), e bit(4) default b'11', f char(3) default '');",
    rows: 'insert into t (id) values (1);',
  },
  {
    name: 'the character set of the database is another one',
    from: 'create table t (a varchar(5)); alter database character set latin1 collate latin1_bin; create table u (a varchar(5));',
    to: 'create table t (a varchar(5)); alter database character set utf8mb4 collate utf8mb4_bin; create table u (a varchar(5), b int);',
  },
  {
    name: 'the character set of the database is the usual one again',
    from: 'alter database character set latin1; create table t (a int);',
    to: 'create table t (a int);',
  },
  {
    name: 'sequences come, change, go and are defaults',
    only: 'MariaDB',
    from: 'create sequence s start with 5 increment by 2; create sequence gone; create table t (id int default nextval(s), x int default nextval(gone));',
    to: 'create sequence s start with 5 increment by 3 maxvalue 900 cycle; create sequence fresh; create table t (id int default nextval(s), x int default nextval(fresh), y int);',
  },
  {
    name: 'a package and its body come, change and go',
    only: 'MariaDB',
    from: `set sql_mode = oracle;
delimiter //
create package counting as function one return int; end//
create package body counting as function one return int as begin return 1; end; end//
create package other as function x return int; end//
create package body other as function x return int as begin return 1; end; end//
delimiter ;
set sql_mode = default;`,
    to: `set sql_mode = oracle;
delimiter //
create package counting as function one return int; function two return int; end//
create package body counting as function one return int as begin return 1; end; function two return int as begin return 2; end; end//
create package other as function x return int; end//
create package body other as function x return int as begin return 3; end; end//
delimiter ;
set sql_mode = default;`,
  },
  {
    name: 'a table that keeps earlier rows changes, begins and ends keeping them',
    only: 'MariaDB',
    from: 'create table a (id int primary key, v int) with system versioning; create table b (id int primary key, f date, t date, period for p (f, t));',
    to: 'create table a (id int primary key, v int, w int not null default 3, key kv (v)) with system versioning; create table b (id int primary key, f date, t date);',
    rows: "insert into a values (1, 1); update a set v = 2; insert into b values (1, '2020-01-01', '2021-01-01');",
    query: 'select count(*) as n from a for system_time all',
    after: [{ n: 2 }],
  },
  {
    name: 'checks of a column and documents',
    from: 'create table t (id int primary key, a int check (a > 0), j json);',
    to: 'create table t (id int primary key, a int, j json not null, k json default (json_array()), check (a > 1));',
    rows: "insert into t values (1, 2, '{}');",
  },
  {
    name: 'a check that is enforced no more',
    only: 'MySQL',
    from: 'create table t (a int, constraint c1 check (a > 0), constraint c2 check (a < 9) not enforced);',
    to: 'create table t (a int, constraint c1 check (a > 0) not enforced, constraint c2 check (a < 10));',
  },
  {
    name: 'columns move, come and go together',
    from: 'create table t (a int, b int, c int, d int, e int, f int);',
    to: 'create table t (f int, n1 int, c int, b bigint, n2 int, a int, n3 int);',
    rows: 'insert into t values (1, 2, 3, 4, 5, 6);',
    query: 'select * from t',
    after: [{ f: 6, n1: null, c: 3, b: 2, n2: null, a: 1, n3: null }],
  },
  {
    name: 'a table is renamed, its columns too, and others are moved',
    from: 'create table people (id int primary key, name varchar(20), mail varchar(20), age int, key by_mail (mail));',
    to: 'create table persons (id int primary key, age bigint, full_name varchar(40), email varchar(20), key by_email (email));',
    renames: [
      'table people = persons',
      'column people.name = persons.full_name',
      'column people.mail = persons.email',
      'index people.by_mail = by_email',
    ],
    rows: "insert into people values (1, 'Ada', 'a@x', 36);",
    query: 'select * from persons',
    after: [{ id: 1, age: 36, full_name: 'Ada', email: 'a@x' }],
  },
  {
    name: 'places with another reference system',
    only: 'MySQL',
    from: 'create table t (id int primary key, g point not null srid 4326, spatial key (g));',
    to: 'create table t (id int primary key, g point not null srid 0, h geometry srid 4326);',
  },
  {
    name: 'types that only MariaDB has',
    only: 'MariaDB',
    from: 'create table t (id uuid primary key default uuid(), ip inet6, v4 inet4);',
    to: 'create table t (id uuid primary key default uuid(), ip varchar(45), v4 inet4 not null);',
  },
  {
    name: 'a table keeps earlier rows, with columns for their times',
    only: 'MariaDB',
    from: 'create table t (id int primary key, a int);',
    to: 'create table t (id int primary key, a int, rs timestamp(6) generated always as row start, re timestamp(6) generated always as row end, period for system_time (rs, re)) with system versioning;',
  },
  {
    name: 'periods without overlaps',
    only: 'MariaDB',
    from: 'create table t (id int, a date, b date, period for p (a, b), primary key (id, p without overlaps));',
    to: 'create table t (id int, a date, b date, c int, period for q (a, b), unique key u (id, q without overlaps));',
  },
  {
    name: 'two checks of two tables swap their names',
    only: 'MySQL',
    from: 'create table a (x int, constraint c1 check (x > 0)); create table b (x int, constraint c2 check (x > 0));',
    to: 'create table a (x int, constraint c2 check (x > 0)); create table b (x int, constraint c1 check (x > 0));',
  },
  {
    name: 'two foreign keys swap their names',
    from: 'create table p (id int primary key); create table a (x int, constraint f1 foreign key (x) references p (id)); create table b (x int, constraint f2 foreign key (x) references p (id));',
    to: 'create table p (id int primary key); create table a (x int, constraint f2 foreign key (x) references p (id)); create table b (x int, constraint f1 foreign key (x) references p (id));',
  },
  {
    name: 'two indexes swap their columns',
    from: 'create table a (x int, y int, key k1 (x), key k2 (y));',
    to: 'create table a (x int, y int, key k2 (x), key k1 (y));',
  },
  {
    name: 'a foreign key refers to another key of the table',
    from: 'create table p (id int primary key, k int not null, unique (k)); create table c (x int, foreign key (x) references p (id));',
    to: 'create table p (id int not null, k int not null, primary key (k)); create table c (x int, foreign key (x) references p (k));',
  },
  {
    name: 'computed columns that read each other change their types',
    from: 'create table t (a int, b int as (a + 1) virtual, c int as (b + 1) stored, d int as (c * 2) virtual, key (c));',
    to: 'create table t (a bigint, b bigint as (a + 2) virtual, c bigint as (b + 1) stored, d int, e int as (c) virtual, key (c), key (e));',
    rows: 'insert into t (a) values (1);',
  },
  {
    name: 'a column goes that a computed one reads',
    from: 'create table t (a int, b int, c int as (a + b) stored, key kc (c));',
    to: 'create table t (b int, c int as (b * 2) stored, key kc (c));',
    rows: 'insert into t (a, b) values (1, 2);',
  },
  {
    name: 'a foreign key on a computed column changes its type',
    from: 'create table p (id int primary key); create table c (a int, g int as (a + 0) stored, key (g), constraint f foreign key (g) references p (id));',
    to: 'create table p (id bigint primary key); create table c (a bigint, g bigint as (a + 0) stored, key (g), constraint f foreign key (g) references p (id));',
  },
  {
    name: 'a numbered column comes in the place of another',
    from: 'create table t (a int not null auto_increment primary key, b int);',
    to: 'create table t (b int, a int not null, n bigint not null auto_increment, primary key (n), key (a));',
    rows: 'insert into t (b) values (5), (6);',
  },
  {
    name: 'views with names for their columns, on each other and on a function',
    from: 'create table t (a int, b int); create view v (x, y) as select a, b from t; create view w as select x from v union select b from t; create function f(i int) returns int deterministic return i; create view z as select f(x) q from w;',
    to: 'create table t (a int, b varchar(5)); create view v (y, x) as select a, b from t; create view w as select y from v union all select a from t; create view z as select count(*) q from w group by y having q > 1;',
  },
  {
    name: 'events at a time and at intervals',
    from: "create event a on schedule at '2038-01-01 00:00:00' do set @x = 1; create event b on schedule every 5 minute starts '2030-01-01 00:00:00' ends '2031-01-01 00:00:00' enable do set @y = 1; create event c on schedule every 1 week disable do set @z = 1;",
    to: `create event a on schedule every '1:30' hour_minute starts '2030-02-02 00:00:00' do set @x = 2;
delimiter //
create event b on schedule every 5 minute starts '2030-01-01 00:00:00' comment 'x' do begin set @y = 1; set @q = 'a;b'; end//
delimiter ;
create event c on schedule every 1 week enable do set @z = 1;`,
  },
  {
    name: 'triggers, procedures and views of other owners',
    from: "create table t (id int); create definer='x'@'%' trigger g before insert on t for each row set @a = 1; create definer='x'@'%' procedure p() select 1; create definer='x'@'%' view v as select 1 as a;",
    to: "create table t (id int); create trigger g before insert on t for each row set @a = 1; create definer='y'@'localhost' procedure p() select 1; create view v as select 1 as a;",
  },
  {
    name: 'partitions by several columns, by lists of texts, by keys, with subpartitions',
    from: "create table a (d date, k varchar(10)) partition by range columns (d, k) (partition p0 values less than ('2020-01-01', 'm'), partition p1 values less than (maxvalue, maxvalue)); create table b (k varchar(5)) partition by list columns (k) (partition x values in ('a', 'b'), partition y values in ('c', null)); create table c (id int, u int) partition by linear key (id) partitions 3; create table e (id int);",
    to: "create table a (d date, k varchar(10)) partition by range columns (d, k) (partition p0 values less than ('2020-01-01', 'm'), partition p05 values less than ('2021-01-01', 'z'), partition p1 values less than (maxvalue, maxvalue)); create table b (k varchar(5)) partition by list columns (k) (partition x values in ('a'), partition y values in ('c', null, 'b'), partition z values in ('q')); create table c (id int, u int) partition by linear hash (u) partitions 4; create table e (id int, x int as (id) stored) partition by range (id) subpartition by hash (id) (partition p0 values less than (5) comment = 'it''s' (subpartition s0, subpartition s1), partition p1 values less than maxvalue (subpartition s2, subpartition s3));",
    rows: "insert into a values ('2019-01-01', 'x'), ('2022-01-01', 'y'); insert into b values ('a'), ('b'), (null); insert into c values (1, 1); insert into e values (1), (9);",
  },
  {
    name: 'two tables with odd names and a key between them swap their names',
    from: 'create table `a b` (`i d` int primary key); create table `c``d` (`x.y` int, constraint `f``k` foreign key (`x.y`) references `a b` (`i d`));',
    to: 'create table `c``d` (`i d` int primary key); create table `a b` (`x.y` int, constraint `f``k` foreign key (`x.y`) references `c``d` (`i d`));',
    rows: 'insert into `a b` values (1); insert into `c``d` values (1);',
    renames: ['table `a b` = `c``d`', 'table `c``d` = `a b`'],
  },
  {
    name: 'tables and columns with keys between them get other names and types',
    from: 'create table p (id int primary key, k varchar(10), unique key uk (k)); create table c (id int primary key, pk varchar(10), n int, constraint c_p foreign key (pk) references p (k), key kn (n), check (n > 0)); create view v as select pk from c;',
    to: 'create table pp (id int primary key, kk varchar(20), unique key ukk (kk)); create table cc (id int primary key, m bigint, pkk varchar(20), constraint cc_p foreign key (pkk) references pp (kk), key km (m), check (m > 0)); create view v as select pkk from cc;',
    rows: "insert into p values (1, 'x'); insert into c values (1, 'x', 5);",
    renames: ['table p = pp', 'column p.k = pp.kk', 'table c = cc', 'column c.pk = cc.pkk', 'column c.n = cc.m'],
  },
  {
    name: 'triggers of all moments swap their names',
    from: 'create table t (a int); create trigger g0 before insert on t for each row set @a = 0; create trigger g1 after insert on t for each row set @a = 1; create trigger g2 before update on t for each row set @a = 2; create trigger g3 after update on t for each row set @a = 3; create trigger g4 before delete on t for each row set @a = 4; create trigger g5 after delete on t for each row set @a = 5;',
    to: 'create table t (a int, b int); create trigger g0 after delete on t for each row set @a = 0; create trigger g1 before delete on t for each row set @a = 1; create trigger g2 after update on t for each row set @a = 2; create trigger g3 before update on t for each row set @a = 3; create trigger g4 after insert on t for each row set @a = 4; create trigger g5 before insert on t for each row set @a = 5;',
  },
  {
    name: 'everything goes',
    from: 'create table a (id int primary key); create table b (id int primary key, foreign key (id) references a (id)); create view v as select 1 as x; create procedure p() select 1; create function f() returns int deterministic return 1; create trigger g before insert on a for each row set @a = 1; create event e on schedule every 1 day do select 1; alter database character set latin1;',
    to: '',
  },
  {
    name: 'sequences get bounds that exclude their numbers',
    only: 'MariaDB',
    from: 'create sequence s; create sequence t increment by -1;',
    to: 'create sequence s nocache minvalue 5 start with 7; create sequence t increment by 2 minvalue 1 maxvalue 100 cycle;',
  },
  {
    name: 'a view gets another name, and another one reads it',
    from: 'create table t (id int); create view v as select id from t; create view w as select id from v;',
    to: 'create table t (id int); create view x as select id from t; create view w as select id from x;',
    renames: ['view v = x'],
  },
]
