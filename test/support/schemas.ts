/** Random schemas from a small pool of names, so that two of them have much in common. */
import fc from 'fast-check'

const TABLES = ['a', 'b', '"C c"'] as const
const COLUMNS = ['x', 'y', 'z', '"select"'] as const
const LABELS = ["'one'", "'two'", "'three'", "'four'"] as const

const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  integer: ['0', '40 + 2', 'f(1)'],
  bigint: ['7'],
  text: ["'x'", "lower('Y')"],
  'character varying(20)': ["'v'"],
  'numeric(10,2)': ['1.5'],
  boolean: ['true'],
  'timestamp with time zone': ['now()'],
  mood: ["'one'"],
  positive: ['1'],
  'integer[]': ["'{1,2}'"],
  'mood[]': ["'{one}'"],
  pair: ['null'],
  feeling: ["'one'"],
  felt: ['null'],
  'double precision': ["nextval('counter')"],
}

const BESIDE = [
  'policy for insert',
  'forced',
  'column grant',
  'exclusion',
  'collation',
  'storage',
  'rule',
  'statistics',
  'replica identity',
  'options',
  'owned sequence',
  'unique nulls',
  'comment on table',
  'comment on index',
  'deferred trigger',
  'not valid',
  'named not null',
  'publication',
  'attached',
  'sub-partition',
  'partition of its own',
  'materialized index',
  'view of views',
  'enum key',
  'domain column',
  'function check',
  'atomic function',
  'row type',
  'temporal',
  'not enforced',
  'set null columns',
  'grandchild',
  'child default',
  'view options',
  'view rule',
  'view grants',
  'trigger when',
  'transition tables',
  'index settings',
  'expression statistics',
  'toast options',
  'virtual',
] as const

const column = fc.record({
  name: fc.constantFrom(...COLUMNS),
  type: fc.constantFrom(...Object.keys(DEFAULTS)),
  pick: fc.nat(2),
  hasDefault: fc.boolean(),
  required: fc.boolean(),
  comment: fc.option(fc.constantFrom('c1', 'c2'), { nil: undefined }),
})

const table = fc.record({
  columns: fc.uniqueArray(column, { selector: ({ name }) => name, maxLength: 4 }),
  generated: fc.boolean(),
  check: fc.option(fc.constantFrom('id > 0', 'id <> 5', 'id in (1, 2, 3)'), { nil: undefined }),
  reference: fc.option(fc.constantFrom(...TABLES), { nil: undefined }),
  index: fc.option(fc.constantFrom('(id desc)', '((id + 1))', '(id) where id > 3'), { nil: undefined }),
  unique: fc.boolean(),
  trigger: fc.boolean(),
  policy: fc.option(fc.constantFrom('id > 1', 'true'), { nil: undefined }),
  partitioned: fc.boolean(),
  view: fc.option(fc.constantFrom('plain', 'star', 'materialized'), { nil: undefined }),
  shape: fc.constantFrom('identity', 'serial', 'plain'),
  unlogged: fc.boolean(),
  granted: fc.boolean(),
  child: fc.option(fc.constantFrom('inherits', 'behind'), { nil: undefined }),
  second: fc.boolean(),
  computed: fc.constantFrom('none', 'stored', 'virtual', 'other'),
  partition: fc.constantFrom('range', 'list', 'hash', 'default'),
  keyed: fc.boolean(),
  /** Objects beside the table. */
  beside: fc.subarray([...BESIDE], { maxLength: 5 }),
})

const OTHERS = [
  'schema',
  'range type',
  'procedure',
  'aggregate',
  'overloaded',
  'event trigger',
  'default privileges',
  'collation',
  'operator',
  'cast',
  'text search',
  'table returning',
  'composite use',
  'sequence use',
  'typed table',
  'domain on domain',
  'range of enum',
  'circle',
  'multirange',
  'function chain',
  'view chain',
  'recursive view',
  'owner',
  'domain not null',
  'array of composites',
  'foreign table',
] as const

/** The SQL of a schema, statement after statement. */
export const schemas: fc.Arbitrary<string> = fc
  .record({
    labels: fc.uniqueArray(fc.constantFrom(...LABELS), { minLength: 0, maxLength: 4 }),
    domain: fc.constantFrom('integer', 'bigint'),
    factor: fc.constantFrom(1, 2),
    others: fc.subarray([...OTHERS], { maxLength: 6 }),
    tables: fc.array(fc.tuple(fc.constantFrom(...TABLES), table), { maxLength: 3 }),
  })
  .map(({ labels, domain, factor, tables, others }) => {
    const unique = [...new Map(tables)]
    const names = new Map(unique)
    return [
      `create type mood as enum (${["'one'", ...labels.filter((label) => label !== "'one'")].join(', ')})`,
      `create sequence counter${factor === 2 ? ' increment 5 cycle' : ''}`,
      `create type pair as (l integer${factor === 2 ? ', r text' : ''})`,
      `create domain feeling as mood default 'one'`,
      `create type felt as (m mood, f feeling)`,
      `create domain positive as ${domain} check (value > 0)`,
      `create function f(i integer) returns integer language sql immutable as 'select i * ${factor}'`,
      `create function stamp() returns trigger language plpgsql as 'begin return new; end'`,
      ...others.flatMap((other) => otherSql(other, factor)),
      ...unique.flatMap(([name, one]) => tableSql(name, one)),
      ...unique.flatMap(([name, { reference }]) => {
        const other = reference === undefined ? undefined : names.get(reference)
        return reference !== undefined && other && !other.partitioned && !other.unlogged
          ? [`alter table ${name} add constraint refers foreign key (id) references ${reference} (id)`]
          : []
      }),
    ].join(';\n')
  })

// --- internal ---

type Table = typeof table extends fc.Arbitrary<infer T> ? T : never

function tableSql(name: string, one: Table): string[] {
  const plain = name.replaceAll('"', '').replaceAll(' ', '_').toLowerCase()
  const columns = one.columns.map(({ name: label, type, hasDefault, pick, required }) => {
    const defaults = DEFAULTS[type] ?? []
    const value = hasDefault ? ` default ${defaults[pick % defaults.length]}` : ''
    return `${label} ${type}${value}${required ? ' not null' : ''}`
  })
  const id = { identity: 'id integer generated always as identity', serial: 'id serial', plain: 'id integer not null' }[
    one.shape
  ]
  const parts = [
    one.partitioned ? 'id integer not null' : id,
    ...columns,
    ...(one.generated
      ? [
          `g integer generated always as (id * ${one.computed === 'other' ? 3 : 2}) ${one.computed === 'virtual' && one.index === undefined ? 'virtual' : 'stored'}`,
        ]
      : []),
    'primary key (id)',
    ...(one.check ? [`constraint checked check (${one.check})`] : []),
    ...(one.unique && !one.partitioned ? ['constraint single unique (id)'.replace('single', `${plain}_single`)] : []),
  ]
  return [
    `create ${one.unlogged && !one.partitioned ? 'unlogged ' : ''}table ${name} (${parts.join(', ')})${one.partitioned ? PARTITIONED[one.partition].by : ''}`,
    ...(one.partitioned ? PARTITIONED[one.partition].parts(name, plain) : []),
    ...(one.index ? [`create index ${plain}_index on ${name} ${one.index}`] : []),
    ...(one.trigger ? [`create trigger stamped before update on ${name} for each row execute function stamp()`] : []),
    ...(one.policy ? [`create policy own on ${name} using (${one.policy})`] : []),
    ...one.columns.flatMap(({ name: label, comment }) =>
      comment ? [`comment on column ${name}.${label} is '${comment}'`] : [],
    ),
    ...(one.granted ? [`grant select, insert on ${name} to public`] : []),
    ...(one.child && !one.partitioned
      ? [
          one.child === 'inherits'
            ? `create table ${plain}_child (extra integer) inherits (${name})`
            : `create table ${plain}_child (id integer, extra integer)`,
        ]
      : []),
    ...(one.view
      ? [
          `create ${one.view === 'materialized' ? 'materialized ' : ''}view ${plain}_view as select ${one.view === 'star' ? '*' : 'id'} from ${name}`,
        ]
      : []),
    // A table can be attached only if it has all checks of its parent.
    ...one.beside
      .toSorted((a, b) => Number(b === 'attached') - Number(a === 'attached'))
      .flatMap((what) => besideSql(what, name, plain, one)),
    ...(one.second && one.view ? [`create view ${plain}_second as select id + 1 as more from ${plain}_view`] : []),
  ]
}

const PARTITIONED: Readonly<
  Record<
    'range' | 'list' | 'hash' | 'default',
    { readonly by: string; readonly parts: (name: string, plain: string) => string[] }
  >
> = {
  range: {
    by: ' partition by range (id)',
    parts: (name, plain) => [`create table ${plain}_low partition of ${name} for values from (minvalue) to (10)`],
  },
  list: {
    by: ' partition by list (id)',
    parts: (name, plain) => [
      `create table ${plain}_low partition of ${name} for values in (1, 2)`,
      `create table ${plain}_other partition of ${name} for values in (3)`,
    ],
  },
  hash: {
    by: ' partition by hash (id)',
    parts: (name, plain) =>
      [0, 1].map((n) => `create table ${plain}_h${n} partition of ${name} for values with (modulus 2, remainder ${n})`),
  },
  default: {
    by: ' partition by range (id)',
    parts: (name, plain) => [
      `create table ${plain}_low partition of ${name} for values from (1) to (5) partition by list (id)`,
      `create table ${plain}_one partition of ${plain}_low for values in (1)`,
      `create table ${plain}_rest partition of ${name} default`,
    ],
  },
}

/** Returns the SQL of something that belongs to a table. Some kinds need a table that is not partitioned. */
function besideSql(what: (typeof BESIDE)[number], name: string, plain: string, one: Table): string[] {
  const own = !one.partitioned
  const [first] = one.columns
  switch (what) {
    case 'policy for insert':
      return [`create policy added on ${name} as restrictive for insert with check (id ${one.second ? '>' : '<'} 5)`]
    case 'forced':
      return [
        `alter table ${name} enable row level security`,
        ...(one.second ? [`alter table ${name} force row level security`] : []),
      ]
    case 'column grant':
      return [`grant update (id) on ${name} to public`]
    case 'exclusion':
      return own
        ? [
            `alter table ${name} add constraint ${plain}_apart exclude using btree (id with =)${one.second ? ' deferrable' : ''}`,
          ]
        : []
    case 'collation':
      return [`alter table ${name} add column k text collate "${one.second ? 'C' : 'POSIX'}"`]
    case 'storage':
      return [
        `alter table ${name} add column s text`,
        `alter table ${name} alter column s set storage ${one.second ? 'external' : 'main'}`,
      ]
    case 'rule':
      return own
        ? [`create rule ${plain}_rule as on ${one.second ? 'update' : 'delete'} to ${name} do instead nothing`]
        : []
    case 'statistics':
      return first
        ? [`create statistics ${plain}_stat${one.second ? ' (dependencies)' : ''} on id, ${first.name} from ${name}`]
        : []
    case 'replica identity':
      return own ? [`alter table ${name} replica identity ${one.second ? 'full' : 'nothing'}`] : []
    case 'options':
      return own
        ? [
            `alter table ${name} set (fillfactor = ${one.second ? 70 : 80}${one.keyed ? ', autovacuum_enabled = false' : ''})`,
          ]
        : []
    case 'owned sequence':
      return own ? [`create sequence ${plain}_own${one.second ? ' as integer' : ''} owned by ${name}.id`] : []
    case 'unique nulls':
      return [
        `alter table ${name} add column u integer`,
        `alter table ${name} add constraint ${plain}_u unique ${one.second ? 'nulls not distinct ' : ''}(u, id)${one.keyed ? ' include (id)' : ''}`,
      ]
    case 'comment on table':
      return [`comment on table ${name} is 'table ${one.second ? 'one' : "it''s"}'`]
    case 'comment on index':
      return [
        `create index ${plain}_more on ${name} (id) include (id)`,
        `comment on index ${plain}_more is '${one.second ? 1 : 2}'`,
      ]
    case 'deferred trigger':
      return own
        ? [
            `create constraint trigger later after insert on ${name} deferrable initially ${one.second ? 'deferred' : 'immediate'} for each row execute function stamp()`,
          ]
        : []
    case 'not valid':
      return [`alter table ${name} add constraint ${plain}_soon check (id < ${one.second ? 1000 : 2000}) not valid`]
    case 'named not null':
      return [
        `alter table ${name} add column nn integer constraint ${plain}_must not null default ${one.second ? 1 : 2}`,
      ]
    case 'attached':
      // A table that becomes a partition keeps the names of its constraints.
      return one.partitioned && one.partition === 'range'
        ? [
            `create table ${plain}_att (like ${name} including generated, constraint ${plain}_own primary key (id))`,
            ...(one.check ? [`alter table ${plain}_att add constraint checked check (${one.check})`] : []),
            `alter table ${name} attach partition ${plain}_att for values from (${one.second ? 20 : 30}) to (40)`,
          ]
        : [`create table ${plain}_att (id integer constraint ${plain}_att_must not null primary key)`]
    case 'sub-partition':
      return one.partitioned && one.partition === 'range'
        ? [
            `create table ${plain}_sub partition of ${name} for values from (50) to (60) partition by list (id)`,
            `create table ${plain}_sub_one partition of ${plain}_sub ${one.second ? 'for values in (51)' : 'default'}`,
          ]
        : []
    case 'partition of its own':
      return one.partitioned && one.partition !== 'hash'
        ? [
            `comment on table ${plain}_low is '${one.second ? 'low' : 'lower'}'`,
            `create index ${plain}_low_index on ${plain}_low (id desc)`,
          ]
        : []
    case 'materialized index':
      return [
        `create materialized view ${plain}_kept as select id${first ? `, ${first.name}` : ''} from ${name}`,
        `create unique index ${plain}_kept_id on ${plain}_kept (id${one.second ? ' desc' : ''})`,
      ]
    case 'view of views':
      return [
        `create view ${plain}_v1 as select id${first && one.second ? `, ${first.name}` : ''} from ${name}`,
        `create view ${plain}_v2 as select v.id, w.id as other from ${plain}_v1 v join ${plain}_v1 w on v.id = w.id`,
        `comment on view ${plain}_v2 is 'on a view'`,
      ]
    case 'enum key':
      return [
        `create table ${plain}_moods (m mood primary key, n mood[] default '{}'${one.second ? `, check (m <> 'one')` : ''})`,
        `create index on ${plain}_moods (m) where m > 'one'`,
      ]
    case 'domain column':
      return [
        `create domain ${plain}_d as text check (value <> '${one.second ? 'a' : 'b'}')`,
        `alter table ${name} add column dd ${plain}_d default 'x'`,
      ]
    case 'function check':
      return [
        `alter table ${name} add constraint ${plain}_fn check (f(id) > ${one.second ? 0 : -1})`,
        ...(own ? [`create index ${plain}_fn_index on ${name} (f(id))`] : []),
      ]
    case 'atomic function':
      return [
        `create function ${plain}_all() returns bigint language sql begin atomic select count(*)${one.second ? ' + max(id)' : ''} from ${name}; end`,
        `create view ${plain}_all_view as select ${plain}_all() as n`,
      ]
    case 'row type':
      return [
        `create function ${plain}_row(${name}) returns integer language sql immutable as 'select $1.id'`,
        ...(one.second ? [`create view ${plain}_rows as select ${plain}_row(t) as r from ${name} t`] : []),
      ]
    case 'temporal':
      return [
        `create table ${plain}_times (at daterange, n int4range, exclude using gist (at with &&${one.second ? ', n with &&' : ''}))`,
      ]
    case 'not enforced':
      return [
        `alter table ${name} add constraint ${plain}_hope check (id < 100000)${one.second ? ' not enforced' : ''}`,
      ]
    case 'set null columns':
      return [
        `create table ${plain}_pair (a integer, b integer, primary key (a, b))`,
        `create table ${plain}_of (a integer, b integer, constraint ${plain}_of_pair foreign key (a, b) references ${plain}_pair on delete set null${one.second ? ' (b)' : ''})`,
      ]
    case 'grandchild':
      return own
        ? [
            `create table ${plain}_kid (kid ${one.second ? 'integer' : 'text'}) inherits (${name})`,
            `create table ${plain}_grand () inherits (${plain}_kid)`,
          ]
        : []
    case 'child default':
      return own
        ? [
            `create table ${plain}_own_kid () inherits (${name})`,
            ...(one.second && one.shape === 'plain' ? [`alter table ${plain}_own_kid alter id set default 9`] : []),
          ]
        : []
    case 'view options':
      return [
        `create view ${plain}_safe${one.second ? ' with (security_barrier)' : ''} as select id from ${name} where id > 0 with ${one.keyed ? 'local' : 'cascaded'} check option`,
        `alter view ${plain}_safe alter column id set default ${one.second ? 4 : 5}`,
      ]
    case 'view rule':
      return [
        `create view ${plain}_ruled as select id from ${name}`,
        `create rule ${plain}_ins as on insert to ${plain}_ruled do instead nothing`,
        ...(one.second ? [`create rule ${plain}_del as on delete to ${plain}_ruled do also select 1`] : []),
      ]
    case 'view grants':
      return [
        `create view ${plain}_shown as select id${one.second && first ? `, ${first.name}` : ''} from ${name}`,
        `grant select${one.second ? ', update' : ''} on ${plain}_shown to pg_monitor`,
        `grant select (id) on ${plain}_shown to public`,
      ]
    case 'trigger when':
      return [
        `create trigger ${plain}_when after update of id on ${name} for each row when (${one.second ? 'old.id <> new.id' : 'new.id > 1'}) execute function stamp('a')`,
        ...(one.keyed && own ? [`alter table ${name} disable trigger ${plain}_when`] : []),
      ]
    case 'transition tables':
      return own && one.child !== 'inherits'
        ? [
            `create trigger ${plain}_stmt after ${one.second ? 'insert' : 'update'} on ${name} referencing new table as fresh for each statement execute function stamp()`,
          ]
        : []
    case 'index settings':
      return [
        `create index ${plain}_set on ${name} using btree (id) with (fillfactor = ${one.second ? 60 : 80})`,
        ...(own ? [`create index ${plain}_brin on ${name} using brin (id)`] : []),
      ]
    case 'expression statistics':
      return own
        ? [
            `create index ${plain}_exp on ${name} ((id * 2))`,
            `alter index ${plain}_exp alter column 1 set statistics ${one.second ? 10 : 20}`,
          ]
        : []
    case 'toast options':
      return own
        ? [
            `alter table ${name} add column long text`,
            `alter table ${name} set (toast.autovacuum_enabled = ${one.second}, autovacuum_vacuum_threshold = 100)`,
          ]
        : []
    case 'virtual':
      return [`alter table ${name} add column vv integer generated always as (id + ${one.second ? 1 : 2}) virtual`]
    default:
      return one.unlogged && own
        ? []
        : [
            `create publication ${plain}_pub for table ${name}${one.second && own && !one.beside.includes('replica identity') && one.child !== 'inherits' ? ' where (id > 1)' : ''}`,
          ]
  }
}

function otherSql(what: (typeof OTHERS)[number], factor: number): string[] {
  switch (what) {
    case 'schema':
      return [
        'create schema extra',
        `create table extra.t (id integer primary key, m mood${factor === 1 ? ', p positive' : ''})`,
        'create view extra.v as select m from extra.t',
        'grant usage on schema extra to public',
      ]
    case 'range type':
      return [
        `create type span as range (subtype = ${factor === 1 ? 'integer' : 'float8'})`,
        'create table spans (s span, m mood[])',
      ]
    case 'procedure':
      return [
        `create procedure p(i integer${factor === 1 ? '' : ', j integer default 1'}) language sql as 'select f(i)'`,
      ]
    case 'aggregate':
      return [
        `create aggregate total(integer) (sfunc = int4${factor === 1 ? 'pl' : 'larger'}, stype = integer, initcond = '0')`,
      ]
    case 'overloaded':
      return [
        `create function f(i text) returns ${factor === 1 ? 'text' : 'integer'} language sql immutable as 'select ${factor === 1 ? 'i' : '1'}'`,
        'comment on function f(text) is $$another$$',
      ]
    case 'event trigger':
      return [
        "create function told() returns event_trigger language plpgsql as 'begin end'",
        `create event trigger seen on ddl_command_end${factor === 1 ? '' : " when tag in ('DROP TABLE')"} execute function told()`,
        'alter event trigger seen disable',
      ]
    case 'default privileges':
      return [`alter default privileges grant ${factor === 1 ? 'select' : 'select, insert'} on tables to public`]
    case 'collation':
      return [
        `create collation folded (provider = icu, locale = '${factor === 1 ? 'de' : 'en'}')`,
        'create table folds (t text collate folded primary key)',
      ]
    case 'operator':
      return [
        'create operator ### (leftarg = integer, rightarg = integer, function = int4pl)',
        'create view sums as select 1 ### 2 as three',
      ]
    case 'cast':
      return [
        `create function as_pair(integer) returns pair language sql immutable as 'select row($1${factor === 2 ? ', null::text' : ''})::pair'`,
        'create cast (integer as pair) with function as_pair(integer) as assignment',
      ]
    case 'text search':
      return [
        'create text search dictionary plain (template = simple)',
        `create text search configuration words (copy = ${factor === 1 ? 'simple' : 'english'})`,
      ]
    case 'table returning':
      return [
        `create function rows_of() returns table (a integer${factor === 1 ? '' : ', b text'}) language sql as 'select 1${factor === 1 ? '' : ', null::text'}'`,
        'create view rows_view as select a from rows_of()',
      ]
    case 'composite use':
      return ['create table pairs (id integer, p pair, ps pair[])', 'create index on pairs ((p))']
    case 'typed table':
      return [
        `create type shape as (w integer, h integer${factor === 1 ? '' : ', d integer'})`,
        `create table shapes of shape (primary key (w)${factor === 1 ? ', h with options default 3' : ''})`,
      ]
    case 'domain on domain':
      return [
        `create domain inner_d as ${factor === 1 ? 'text' : 'varchar(30)'} check (value <> 'q')`,
        `create domain outer_d as inner_d${factor === 1 ? " default 'z'" : ' not null'}`,
        'create table layers (o outer_d, os outer_d[])',
      ]
    case 'range of enum':
      return [
        'create type mood_range as range (subtype = mood)',
        `create table mood_ranges (r mood_range, rs mood_range[], m mood_multirange${factor === 1 ? '' : ', n integer'})`,
      ]
    case 'circle':
      return [
        `create table left_t (id ${factor === 1 ? 'integer' : 'bigint'} primary key, r ${factor === 1 ? 'integer' : 'bigint'})`,
        `create table right_t (id ${factor === 1 ? 'integer' : 'bigint'} primary key, l ${factor === 1 ? 'integer' : 'bigint'} references left_t)`,
        'alter table left_t add constraint left_right foreign key (r) references right_t deferrable initially deferred',
      ]
    case 'multirange':
      return [
        `create table spans_of (m ${factor === 1 ? 'int4multirange' : 'datemultirange'}, exclude using gist (m with &&))`,
      ]
    case 'function chain':
      return [
        `create function g(i integer${factor === 1 ? '' : ', j integer default 2'}) returns integer language sql immutable begin atomic select f(i) + 1; end`,
        `create function h(i integer) returns ${factor === 1 ? 'integer' : 'bigint'} language sql immutable begin atomic select g(i)::${factor === 1 ? 'integer' : 'bigint'}; end`,
        'create table chained (a integer default g(1), b bigint generated always as (h(a)) stored, check (h(a) > 0))',
        'create index on chained (h(a))',
      ]
    case 'view chain':
      return [
        `create table base_t (a ${factor === 1 ? 'integer' : 'bigint'}, b text${factor === 1 ? '' : ', c text'})`,
        'create view chain_1 as select * from base_t',
        'create materialized view chain_2 as select a, count(*) as n from chain_1 group by a',
        'create view chain_3 as select c2.a, c1.b from chain_2 c2 join chain_1 c1 using (a)',
        'grant select on chain_3 to pg_monitor',
      ]
    case 'recursive view':
      return [
        `create table nodes (id ${factor === 1 ? 'integer' : 'bigint'} primary key, up ${factor === 1 ? 'integer' : 'bigint'} references nodes)`,
        'create recursive view trees (id, depth) as select id, 0 from nodes where up is null union all select n.id, depth + 1 from nodes n join trees t on n.up = t.id',
      ]
    case 'owner':
      return [
        'create table owned_t (a serial, b text)',
        `alter table owned_t owner to pg_${factor === 1 ? 'monitor' : 'read_all_data'}`,
      ]
    case 'domain not null':
      return [
        `create domain needed as integer ${factor === 1 ? 'constraint must not null' : 'not null'} check (value > 0)`,
      ]
    case 'array of composites':
      return [
        `create type item as (n integer, t text${factor === 1 ? '' : ', u mood'})`,
        'create table items (i item, is_ item[])',
        "create function item_of(item) returns integer language sql as 'select $1.n'",
      ]
    case 'foreign table':
      return [
        'create foreign data wrapper nowhere',
        `create server far foreign data wrapper nowhere options (host '${factor === 1 ? 'a' : 'b'}')`,
        `create foreign table distant (a integer${factor === 1 ? '' : ', b text not null'}) server far options (name 'x')`,
        'create view distant_view as select a from distant',
      ]
    default:
      return [
        "create table counted (id integer default nextval('counter'), v text default currval('counter')::text)",
        'create view counters as select last_value from counter',
      ]
  }
}
