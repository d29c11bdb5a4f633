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
  /** What stands beside the table. */
  beside: fc.subarray([...BESIDE], { maxLength: 4 }),
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
] as const

/** The SQL of a schema, statement after statement. */
export const schemas: fc.Arbitrary<string> = fc
  .record({
    labels: fc.uniqueArray(fc.constantFrom(...LABELS), { minLength: 0, maxLength: 4 }),
    domain: fc.constantFrom('integer', 'bigint'),
    factor: fc.constantFrom(1, 2),
    others: fc.subarray([...OTHERS], { maxLength: 5 }),
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
    ...one.beside.flatMap((what) => besideSql(what, name, plain, one)),
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
    default:
      return [
        "create table counted (id integer default nextval('counter'), v text default currval('counter')::text)",
        'create view counters as select last_value from counter',
      ]
  }
}
