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
})

/** The SQL of a schema, statement after statement. */
export const schemas: fc.Arbitrary<string> = fc
  .record({
    labels: fc.uniqueArray(fc.constantFrom(...LABELS), { minLength: 0, maxLength: 4 }),
    domain: fc.constantFrom('integer', 'bigint'),
    factor: fc.constantFrom(1, 2),
    tables: fc.array(fc.tuple(fc.constantFrom(...TABLES), table), { maxLength: 3 }),
  })
  .map(({ labels, domain, factor, tables }) => {
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
    ...(one.generated ? ['g integer generated always as (id * 2) stored'] : []),
    'primary key (id)',
    ...(one.check ? [`constraint checked check (${one.check})`] : []),
    ...(one.unique && !one.partitioned ? ['constraint single unique (id)'.replace('single', `${plain}_single`)] : []),
  ]
  return [
    `create ${one.unlogged && !one.partitioned ? 'unlogged ' : ''}table ${name} (${parts.join(', ')})${one.partitioned ? ' partition by range (id)' : ''}`,
    ...(one.partitioned ? [`create table ${plain}_low partition of ${name} for values from (minvalue) to (10)`] : []),
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
    ...(one.second && one.view ? [`create view ${plain}_second as select id + 1 as more from ${plain}_view`] : []),
  ]
}
