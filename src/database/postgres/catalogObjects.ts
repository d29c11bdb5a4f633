/** Builds the DDL of the objects that the catalog query returns, with one function per kind of object. */
import type { ObjectKind, SchemaColumn, SchemaMember, SchemaObject } from '../../schema/model.ts'
import type {
  Acl,
  AttachedFacts,
  ColumnFacts,
  ConstraintFacts,
  FactsOf,
  NotNullFacts,
  ObjectRow,
  OwnedFacts,
  Privilege,
  RoutineFacts,
  TableFacts,
  TypeFacts,
  ViewFacts,
} from './catalogFacts.ts'
import { literal } from './tables.ts'

/** Returns the object of a row, with its DDL. */
export function describeObject<K extends keyof FactsOf>({ kind, facts }: ObjectRow<K>): SchemaObject {
  return DESCRIBE[kind](facts)
}

// --- internal ---

const DESCRIBE: { readonly [K in keyof FactsOf]: (facts: FactsOf[K]) => SchemaObject } = {
  schema: (facts) =>
    object(
      'schema',
      facts.name,
      facts.name === 'public' ? 'CREATE SCHEMA IF NOT EXISTS public' : `CREATE SCHEMA ${facts.name}`,
      {
        more: extras(
          `SCHEMA ${facts.name}`,
          // initdb writes this comment.
          facts.comment === 'standard public schema' ? { ...facts, comment: null } : facts,
        ),
      },
    ),
  extension: ({ name, schema, version }) =>
    object(
      'extension',
      name,
      `CREATE EXTENSION IF NOT EXISTS ${name} WITH SCHEMA ${schema}${version ? ` VERSION ${version}` : ''}`,
    ),
  type: describeType,
  sequence: (facts) => {
    const { name } = facts
    const unlogged = facts.unlogged ? 'UNLOGGED ' : ''
    const head = `CREATE ${unlogged}SEQUENCE ${name} ${facts.options}`
    return object('sequence', name, head, {
      // A sequence that belongs to a column has its table's owner.
      more: extras(`SEQUENCE ${name}`, facts.owned ? { ...facts, owner: null } : facts),
    })
  },
  routine: describeRoutine,
  table: describeTable,
  view: describeView,
  index: (facts) => {
    const { table, name } = facts
    const more = [
      facts.alone && facts.parent && `ALTER INDEX ${facts.parent} ATTACH PARTITION ${name};`,
      facts.clustered && `ALTER TABLE ${table} CLUSTER ON ${lastPart(name)};`,
      facts.replica && `ALTER TABLE ${table} REPLICA IDENTITY USING INDEX ${lastPart(name)};`,
      !facts.valid && !facts.partitioned && '-- invalid: its build failed',
      ...(facts.statistics ?? []).map(
        ([column, target]) => `ALTER INDEX ${name} ALTER COLUMN ${column} SET STATISTICS ${target};`,
      ),
      ...companions(`INDEX ${name}`, facts.extensions),
      ...comment(`INDEX ${name}`, facts.comment),
      ...(facts.parts ?? []).flatMap((part) => [
        part.options && `ALTER INDEX ${part.name} SET (${part.options});`,
        part.clustered && `ALTER TABLE ${part.table} CLUSTER ON ${lastPart(part.name)};`,
        part.replica && `ALTER TABLE ${part.table} REPLICA IDENTITY USING INDEX ${lastPart(part.name)};`,
        ...comment(`INDEX ${part.name}`, part.comment),
      ]),
    ]
    // The index of a partitioned table creates the partitions' indexes too.
    const definition =
      facts.partitioned && facts.valid && !facts.alone
        ? facts.definition.replace(' ON ONLY ', ' ON ')
        : facts.definition
    return object('index', name, definition, { table, more })
  },
  'foreign-key': ({ table, name, definition, comment: text }) =>
    object('foreign-key', name, `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`, {
      table,
      more: comment(`CONSTRAINT ${name} ON ${table}`, text),
    }),
  trigger: (facts) => {
    const { table, name, enabled } = facts
    // A partition's trigger is created with its table's, but may be enabled or disabled differently.
    if (facts.definition === null) {
      return object('trigger', name, `ALTER TABLE ${table} ${ENABLED[enabled] ?? 'ENABLE'} TRIGGER ${name}`, { table })
    }
    return object('trigger', name, facts.definition, {
      table,
      more: [
        enabledLine(table, 'TRIGGER', name, enabled),
        ...companions(`TRIGGER ${name} ON ${table}`, facts.extensions),
        ...comment(`TRIGGER ${name} ON ${table}`, facts.comment),
      ],
    })
  },
  rule: ({ table, name, definition, enabled, comment: text }) =>
    object('rule', name, definition.replace(/;$/, ''), {
      table,
      more: [enabledLine(table, 'RULE', name, enabled), ...comment(`RULE ${name} ON ${table}`, text)],
    }),
  policy: (facts) => {
    const { table, name } = facts
    const lines = [
      `CREATE POLICY ${name} ON ${table}`,
      !facts.permissive && 'AS RESTRICTIVE',
      facts.command !== '*' && `FOR ${POLICY_COMMANDS[facts.command]}`,
      facts.roles.join() !== 'PUBLIC' && `TO ${facts.roles.join(', ')}`,
      facts.using !== null && `USING (${facts.using})`,
      facts.check !== null && `WITH CHECK (${facts.check})`,
    ]
    return object('policy', name, lines.filter(Boolean).join(' '), {
      table,
      more: comment(`POLICY ${name} ON ${table}`, facts.comment),
    })
  },
  statistics: ({ table, name, definition, owner, target, comment: text }) =>
    object('statistics', name, definition, {
      table,
      more: [
        target && `ALTER STATISTICS ${name} SET STATISTICS ${target};`,
        owner && `ALTER STATISTICS ${name} OWNER TO ${owner};`,
        ...comment(`STATISTICS ${name}`, text),
      ],
    }),
  'event-trigger': (facts) => {
    const { name } = facts
    const tags = facts.tags ? ` WHEN TAG IN (${facts.tags.map(literal).join(', ')})` : ''
    const state = ENABLED[facts.enabled]
    return object(
      'event-trigger',
      name,
      `CREATE EVENT TRIGGER ${name} ON ${facts.event}${tags} EXECUTE FUNCTION ${facts.function}()`,
      {
        more: [
          state && `ALTER EVENT TRIGGER ${name} ${state};`,
          facts.owner && `ALTER EVENT TRIGGER ${name} OWNER TO ${facts.owner};`,
          ...comment(`EVENT TRIGGER ${name}`, facts.comment),
        ],
      },
    )
  },
  'default-privileges': ({ name, role, schema, objects, acl }) => {
    const prefix = `ALTER DEFAULT PRIVILEGES FOR ROLE ${role}${schema ? ` IN SCHEMA ${schema}` : ''} `
    const [first = `-- default privileges of ${role}`, ...more] = grants(DEFAULT_OBJECTS[objects] ?? objects, acl, {
      prefix,
    })
    return object('default-privileges', name, first, { tail: '', more })
  },
  other: (facts) => {
    const { name, definition } = facts
    if (!definition) return object('other', name, `-- not written out: ${name}`, { tail: '' })
    return object('other', name, definition, {
      more: 'note' in facts ? [`-- ${facts.note}`] : extras(facts.what, facts, facts.granted ?? undefined),
    })
  },
}

interface Parts {
  readonly table?: string
  readonly members?: readonly SchemaMember[]
  readonly tail?: string
  readonly more?: readonly (string | false | null | undefined)[]
  readonly columns?: readonly SchemaColumn[]
  readonly later?: readonly string[]
}

function object(kind: ObjectKind, name: string, head: string, parts: Parts = {}): SchemaObject {
  return {
    kind,
    name,
    table: parts.table ?? null,
    head,
    members: parts.members ?? [],
    tail: parts.tail ?? ';',
    more: (parts.more ?? []).filter((line) => typeof line === 'string'),
    columns: parts.columns ?? [],
    ...(parts.later && parts.later.length > 0 && { later: parts.later }),
  }
}

/**
 * Returns the statements for owner, comment and privileges. `what`: kind and name, such as `VIEW users`; `granted`: the
 * same as GRANT writes it, `TABLE users`.
 */
function extras(what: string, facts: OwnedFacts, granted = what): string[] {
  return [
    ...(facts.owner ? [`ALTER ${what} OWNER TO ${facts.owner};`] : []),
    ...comment(what, facts.comment),
    ...grants(granted, facts.acl),
  ]
}

function comment(what: string, text: string | null): string[] {
  return text === null ? [] : [`COMMENT ON ${what} IS ${literal(text).trim()};`]
}

/** @param what kind and name, as ALTER writes them */
function companions(what: string, extensions: readonly string[] | null): string[] {
  return (extensions ?? []).map((extension) => `ALTER ${what} DEPENDS ON EXTENSION ${extension};`)
}

/**
 * Returns one GRANT per grantee.
 * @param prefix for default privileges; `column`: a column whose privileges these are
 */
function grants(what: string, acl: Acl | null, { prefix = '', column = '' } = {}): string[] {
  const list = (privileges: readonly Privilege[] | null | undefined) => {
    const by = new Map<string, string[]>()
    for (const [grantee, privilege, grantable] of privileges ?? []) {
      const key = `${grantee}${grantable ? ' WITH GRANT OPTION' : ''}`
      by.set(key, [...(by.get(key) ?? []), column ? `${privilege} (${column})` : privilege])
    }
    const all = acl?.all?.length ?? 0
    return [...by]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, names]): [string, string[]] => [key, all > 1 && names.length === all ? ['ALL'] : names])
  }
  return [
    ...list(acl?.revoked).map(
      ([grantee, privileges]) =>
        `${prefix}REVOKE ${privileges.join(', ')} ON ${what} FROM ${grantee.replace(/ WITH GRANT OPTION$/, '')};`,
    ),
    ...list(acl?.granted).map(
      ([grantee, privileges]) => `${prefix}GRANT ${privileges.join(', ')} ON ${what} TO ${grantee};`,
    ),
  ]
}

const POLICY_COMMANDS: Record<string, string> = { r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE' }
const DEFAULT_OBJECTS: Record<string, string> = {
  r: 'TABLES',
  S: 'SEQUENCES',
  f: 'FUNCTIONS',
  T: 'TYPES',
  n: 'SCHEMAS',
  L: 'LARGE OBJECTS',
}
/** Keywords for the values of pg_trigger.tgenabled; `O`, the usual value, needs none. */
const ENABLED: Record<string, string> = { D: 'DISABLE', R: 'ENABLE REPLICA', A: 'ENABLE ALWAYS' }

function enabledLine(table: string, what: string, name: string, enabled: string): string | undefined {
  const state = ENABLED[enabled]
  return state && `ALTER TABLE ${table} ${state} ${what} ${name};`
}

/** Returns the last part of a qualified name: an index is named without its schema if its table was already named. */
function lastPart(name: string): string {
  return /(?:"(?:[^"]|"")*"|[^".]+)$/.exec(name)?.[0] ?? name
}

function describeType(facts: TypeFacts): SchemaObject {
  const { name, form } = facts
  const more = extras(form === 'd' ? `DOMAIN ${name}` : `TYPE ${name}`, facts)
  if (form === 'e') {
    const members = (facts.labels ?? []).map((label) => ({ key: `value ${label}`, text: label }))
    if (members.length === 0) return object('type', name, `CREATE TYPE ${name} AS ENUM ()`, { more })
    // The order of an enum's values is part of its definition, so they are compared as one text.
    const labels = members.map(({ text }) => text).join(', ')
    return object('type', name, `CREATE TYPE ${name} AS ENUM (${labels})`, { more })
  }
  if (form === 'c') {
    const attributes = facts.attributes ?? []
    const members = attributes.map(([attribute, type]) => ({
      key: `attribute ${attribute}`,
      text: `${attribute} ${type}`,
    }))
    const comments = attributes.flatMap(([attribute, , text]) => comment(`COLUMN ${name}.${attribute}`, text))
    return object('type', name, `CREATE TYPE ${name} AS (${members.length === 0 ? ')' : ''}`, {
      members,
      tail: members.length === 0 ? ';' : ');',
      more: [...more, ...comments],
    })
  }
  if (facts.range) {
    const { subtype, diff, canonical, opclass, collation, multirange } = facts.range
    const parts = [
      `SUBTYPE = ${subtype}`,
      diff && `SUBTYPE_DIFF = ${diff}`,
      canonical && `CANONICAL = ${canonical}`,
      opclass && `SUBTYPE_OPCLASS = ${opclass}`,
      collation && `COLLATION = ${collation}`,
      multirange && `MULTIRANGE_TYPE_NAME = ${multirange}`,
    ]
    return object('type', name, `CREATE TYPE ${name} AS RANGE (${parts.filter(Boolean).join(', ')})`, { more })
  }
  const checks = facts.constraints ?? []
  const parts = [
    `CREATE DOMAIN ${name} AS ${facts.base}`,
    facts.collation && `COLLATE ${facts.collation}`,
    facts.default !== null && `DEFAULT ${facts.default}`,
    facts.notNull && `${facts.notNullName ? `CONSTRAINT ${facts.notNullName} ` : ''}NOT NULL`,
    ...checks
      .filter(([, , valid]) => valid)
      .map(([constraint, definition]) => `CONSTRAINT ${constraint} ${definition}`),
  ]
  const unproven = checks
    .filter(([, , valid]) => !valid)
    .map(([constraint, definition]) => `ALTER DOMAIN ${name} ADD CONSTRAINT ${constraint} ${definition};`)
  return object('type', name, parts.filter(Boolean).join(' '), {
    more: [
      ...unproven,
      ...more,
      ...(facts.notNullName ? comment(`CONSTRAINT ${facts.notNullName} ON DOMAIN ${name}`, facts.notNullComment) : []),
      ...checks.flatMap(([constraint, , , text]) => comment(`CONSTRAINT ${constraint} ON DOMAIN ${name}`, text)),
    ],
  })
}

function describeRoutine(facts: RoutineFacts): SchemaObject {
  const { name, form } = facts
  const more = [
    ...companions(`ROUTINE ${name}`, facts.extensions),
    ...(form === 'a'
      ? extras(`AGGREGATE ${facts.signature}`, facts, `FUNCTION ${name}`)
      : extras(`${form === 'p' ? 'PROCEDURE' : 'FUNCTION'} ${name}`, facts)),
  ]
  if (form !== 'a') {
    // The server always qualifies the name here, and nowhere else.
    const definition = String(facts.definition).replace(/^(CREATE OR REPLACE (?:FUNCTION|PROCEDURE) )public\./, '$1')
    return object('routine', name, definition.trimEnd(), { more })
  }
  const parts = Object.entries(facts.aggregate ?? {}).filter(([, value]) => value !== null)
  const body = parts.map(([key, value]) => (value === '' ? key : `${key} = ${value}`)).join(', ')
  return object('routine', name, `CREATE AGGREGATE ${facts.signature} (${body})`, { more })
}

function describeTable(facts: TableFacts): SchemaObject {
  const { name } = facts
  const columns = facts.columns ?? []
  const partition = facts.bound !== null
  const foreign = facts.form === 'f'
  const what = foreign ? `FOREIGN TABLE ${name}` : `TABLE ${name}`
  const kind = facts.persistence === 'u' ? `UNLOGGED ${what}` : what
  const { parents } = facts
  // Before PostgreSQL 16, PARTITION OF does not accept a column's own expression; such a partition is attached instead.
  const attached = partition && columns.some(hasOwnExpression)
  const head = partition && !attached ? `CREATE ${kind} PARTITION OF ${parents?.[0]}` : `CREATE ${kind}`
  const constraints = facts.constraints ?? []
  const notNulls = facts.notNulls ?? []
  const own = columns.filter(({ local }) => attached || (local && !partition))
  const names = new Map(notNulls.filter(({ usual, valid }) => !usual && valid).map((one) => [one.column, one.name]))
  const unproven = new Set(notNulls.filter(({ valid }) => !valid).map(({ column }) => column))
  const members = [
    // Inherited columns are listed with their parent table.
    ...own.map((column) => ({
      key: `column ${column.quoted}`,
      text: columnText({
        ...column,
        notNull: column.notNull && !unproven.has(column.name) && (partition || !column.inheritedNotNull),
        notNullName: names.get(column.name),
        expression: isLater(facts, `column ${column.quoted}`) ? null : column.expression,
      }),
    })),
    // A partition's constraint has the name of its table's unless it was attached with another one.
    ...(partition && !attached ? notNulls : [])
      .filter(({ asParent }) => asParent === false)
      .map(({ name: constraint, quoted }) => ({
        key: `not-null ${quoted}`,
        text: `${quoted} CONSTRAINT ${constraint} NOT NULL`,
      })),
    // A NOT VALID constraint cannot be created with the table.
    ...constraints
      .filter(({ valid, part }) => valid && !isLater(facts, part))
      .map((constraint) => ({
        key: `constraint ${constraint.name}`,
        text: `CONSTRAINT ${constraint.name} ${constraintText(constraint)}`,
      })),
  ]
  const tail = [
    !attached && facts.bound,
    !partition && parents && `INHERITS (${parents.join(', ')})`,
    facts.partitionKey && `PARTITION BY ${facts.partitionKey}`,
    facts.method && `USING ${facts.method}`,
    facts.server && `SERVER ${facts.server.name}${optionList(facts.server.options)}`,
    facts.options && `WITH (${facts.options.join(', ')})`,
    facts.tablespace && `TABLESPACE ${facts.tablespace}`,
  ]
  const behind = tail
    .filter(Boolean)
    .map((part) => ` ${part}`)
    .join('')
  const body =
    members.length > 0 ? { open: ' (', close: ')' } : { open: partition && !attached ? '' : ' ()', close: '' }
  return object('table', name, `${head}${body.open}`, {
    members,
    tail: `${body.close}${behind};`,
    later: laterLines(name, facts, constraints),
    more: [
      attached && `ALTER TABLE ONLY ${parents?.[0]} ATTACH PARTITION ${name} ${facts.bound};`,
      ...(facts.attached ?? []).flatMap((one) => attachedLines(name, one)),
      ...(facts.form === 'p' ? [] : unprovenLines(name, constraints)),
      ...notNulls.flatMap((constraint) => notNullLines(name, constraint)),
      ...columns
        .filter((column) => !own.includes(column))
        .flatMap((column) =>
          inheritedLines(
            name,
            unproven.has(column.name) ? { ...column, notNull: false } : column,
            names.get(column.name),
          ),
        ),
      facts.ofType && `ALTER TABLE ${name} OF ${facts.ofType};`,
      ...constraints.map(
        ({ clustered, index }) => clustered && index && `ALTER TABLE ${name} CLUSTER ON ${lastPart(index)};`,
      ),
      ...constraints.map(
        ({ replica, index }) =>
          replica && index && `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ${lastPart(index)};`,
      ),
      ...columnSettings(`TABLE ${name}`, columns),
      facts.rowSecurity && `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY;`,
      facts.forced && `ALTER TABLE ${name} FORCE ROW LEVEL SECURITY;`,
      !foreign && facts.replica === 'f' && `ALTER TABLE ${name} REPLICA IDENTITY FULL;`,
      !foreign && facts.replica === 'n' && `ALTER TABLE ${name} REPLICA IDENTITY NOTHING;`,
      ...extras(what, facts, `TABLE ${name}`),
      ...(facts.sequences ?? []).flatMap(([sequence, column]) => [
        // The sequence and the table need the same owner before they are linked.
        ...(facts.owner ? [`ALTER SEQUENCE ${sequence} OWNER TO ${facts.owner};`] : []),
        `ALTER SEQUENCE ${sequence} OWNED BY ${name}.${column};`,
      ]),
      ...columnExtras(name, columns, facts.persistence),
      ...[...constraints, ...notNulls].flatMap((constraint) =>
        comment(`CONSTRAINT ${constraint.name} ON ${name}`, constraint.comment),
      ),
      ...constraints.flatMap(({ index, indexComment }) => (index ? comment(`INDEX ${index}`, indexComment) : [])),
    ],
    columns: columns.map(asColumn),
  })
}

/** Returns the statements for what a partition's constraint has of its own. */
export function attachedLines(table: string, one: AttachedFacts): string[] {
  return [
    ...(one.name === one.usual ? [] : [`ALTER TABLE ${table} RENAME CONSTRAINT ${one.usual} TO ${one.name};`]),
    ...(one.options ? [`ALTER INDEX ${one.index} SET (${one.options});`] : []),
    ...comment(`CONSTRAINT ${one.name} ON ${table}`, one.comment),
    ...comment(`INDEX ${one.index}`, one.indexComment),
  ]
}

/**
 * Returns whether a part must be created after objects that need the table, because it needs those objects itself.
 * @param part kind and name, such as `column name`
 */
function isLater(facts: TableFacts, part: string): boolean {
  return facts.later?.includes(part) ?? false
}

function laterLines(table: string, facts: TableFacts, constraints: readonly ConstraintFacts[]): string[] {
  const columns = (facts.columns ?? []).filter(({ quoted }) => isLater(facts, `column ${quoted}`))
  return [
    ...columns.map(
      ({ quoted, expression }) => `ALTER TABLE ${table} ALTER COLUMN ${quoted} SET DEFAULT ${expression};`,
    ),
    ...constraints
      .filter(({ part, valid }) => valid && isLater(facts, part))
      .map((constraint) => `ALTER TABLE ${table} ADD CONSTRAINT ${constraint.name} ${constraintText(constraint)};`),
    // A partition that is made behind it would have it proven.
    ...(facts.form === 'p' ? unprovenLines(table, constraints) : []),
  ]
}

function unprovenLines(table: string, constraints: readonly ConstraintFacts[]): string[] {
  return constraints
    .filter(({ valid }) => !valid)
    .map(({ name, definition }) => `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition};`)
}

/** Returns the constraint's definition with its index options, which precede the DEFERRABLE clause. */
export function constraintText({ definition, options, tablespace }: ConstraintFacts): string {
  const index = `${options ? ` WITH (${options})` : ''}${tablespace ? ` USING INDEX TABLESPACE ${tablespace}` : ''}`
  return index === '' ? definition : definition.replace(/(?= (?:NOT )?DEFERRABLE\b| INITIALLY |$)/, index)
}

function hasOwnExpression({ generated, expression, parent }: ColumnFacts): boolean {
  return generated !== '' && parent !== null && expression !== parent.expression
}

const COMPRESSION: Record<string, string> = { l: 'lz4', p: 'pglz' }
const STORAGE: Record<string, string> = { p: 'PLAIN', e: 'EXTERNAL', m: 'MAIN', x: 'EXTENDED' }

function describeView(facts: ViewFacts): SchemaObject {
  const { name } = facts
  const columns = facts.columns ?? []
  const materialized = facts.form === 'm'
  const options = facts.options ? ` WITH (${facts.options.join(', ')})` : ''
  const what = materialized ? `MATERIALIZED VIEW ${name}` : `VIEW ${name}`
  const definition = facts.definition.trimEnd().replace(/;$/, '')
  const defaults = columns.map(
    (column) =>
      column.expression !== null &&
      `ALTER VIEW ${name} ALTER COLUMN ${column.quoted} SET DEFAULT ${column.expression};`,
  )
  return object(
    'view',
    name,
    `CREATE ${what}${facts.method && materialized ? ` USING ${facts.method}` : ''}${options} AS\n${definition}`,
    {
      tail: materialized && !facts.populated ? '\nWITH NO DATA;' : ';',
      more: [
        ...(materialized ? columnSettings(what, columns, true) : []),
        ...companions(what, facts.extensions),
        ...defaults,
        ...extras(what, facts, `TABLE ${name}`),
        ...columnExtras(name, columns),
      ],
      columns: columns.map(asColumn),
    },
  )
}

/**
 * Returns the statements for how the values of columns are stored and counted.
 * @param compressed `true` if the compression is not said where the columns are made
 */
function columnSettings(what: string, columns: readonly ColumnFacts[], compressed = false): string[] {
  const settings: readonly ((column: ColumnFacts) => string | false | null)[] = [
    ({ statistics }) => statistics !== null && `STATISTICS ${statistics}`,
    ({ options }) => options && `(${options.join(', ')})`,
    ({ storage }) => storage && `STORAGE ${STORAGE[storage]}`,
    ({ compression }) => compressed && compression && `COMPRESSION ${COMPRESSION[compression]}`,
  ]
  return settings.flatMap((setting) =>
    columns.flatMap((column) => {
      const text = setting(column)
      return text ? [`ALTER ${what} ALTER COLUMN ${column.quoted} SET ${text};`] : []
    }),
  )
}

function columnExtras(table: string, columns: readonly ColumnFacts[], persistence?: string): string[] {
  return columns.flatMap((column) => [
    ...comment(`COLUMN ${table}.${column.quoted}`, column.comment),
    ...grants(`TABLE ${table}`, column.acl, { column: column.quoted }),
    ...(column.sequence ? comment(`SEQUENCE ${column.sequence.name}`, column.sequence.comment) : []),
    ...(column.sequence ? grants(`SEQUENCE ${column.sequence.name}`, column.sequence.acl) : []),
    ...(column.sequence && persistence && column.sequence.persistence !== persistence
      ? [`ALTER SEQUENCE ${column.sequence.name} SET ${column.sequence.persistence === 'u' ? 'UNLOGGED' : 'LOGGED'};`]
      : []),
  ])
}

/** Returns the lines for a NOT NULL constraint that is NO INHERIT or NOT VALID (PostgreSQL 18 and later). */
function notNullLines(table: string, { name, quoted, inherited, valid }: NotNullFacts): string[] {
  const kind = `${inherited ? '' : ' NO INHERIT'}${valid ? '' : ' NOT VALID'}`
  if (valid) return inherited ? [] : [`-- NOT NULL of ${quoted} is not inherited: ${name}`]
  return [`ALTER TABLE ${table} ADD CONSTRAINT ${name} NOT NULL ${quoted}${kind};`]
}

/** Returns the statements for what differs between a partition or child and its parent. */
function inheritedLines(
  table: string,
  { quoted, expression, generated, notNull, parent }: ColumnFacts,
  notNullName: string | undefined,
): string[] {
  const alter = `ALTER TABLE ONLY ${table} ALTER COLUMN ${quoted}`
  const lines: string[] = []
  if (!generated && expression !== (parent?.expression ?? null))
    lines.push(expression === null ? `${alter} DROP DEFAULT;` : `${alter} SET DEFAULT ${expression};`)
  if (parent && notNull && !parent.notNull)
    lines.push(
      notNullName === undefined
        ? `${alter} SET NOT NULL;`
        : `ALTER TABLE ONLY ${table} ADD CONSTRAINT ${notNullName} NOT NULL ${quoted};`,
    )
  return lines
}

/** Returns the column's definition, as CREATE TABLE and ADD COLUMN take it. */
export function columnText(column: ColumnFacts & { readonly notNullName?: string | undefined }): string {
  const { expression, generated, identity } = column
  const sequence = [
    column.sequence && !column.sequence.usual && `SEQUENCE NAME ${column.sequence.name}`,
    String(column.sequence?.options ?? '').replace(/^AS \S+ ?/, ''),
  ]
    .filter(Boolean)
    .join(' ')
  const parts = [
    `${column.quoted} ${column.type}`,
    column.foreign && optionList(column.foreign).trim(),
    column.compression && `COMPRESSION ${COMPRESSION[column.compression]}`,
    column.collation && `COLLATE ${column.collation}`,
    expression !== null && !generated && `DEFAULT ${expression}`,
    generated && `GENERATED ALWAYS AS (${expression}) ${generated === 's' ? 'STORED' : 'VIRTUAL'}`,
    identity && `GENERATED ${identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY${sequence && ` (${sequence})`}`,
    column.notNull && (column.notNullName ? `CONSTRAINT ${column.notNullName} NOT NULL` : 'NOT NULL'),
  ]
  return parts.filter(Boolean).join(' ')
}

function asColumn(column: ColumnFacts): SchemaColumn {
  return {
    name: column.name,
    type: column.type,
    nullable: !column.notNull,
    default: column.generated ? null : column.expression,
    generated: column.generated ? column.expression : null,
    identity: column.identity === 'a' ? 'always' : column.identity === 'd' ? 'by default' : null,
    comment: column.comment,
  }
}

/** Formats the options of pg_foreign_table.ftoptions, which are `name=value`. */
function optionList(options: readonly string[] | null): string {
  if (!options) return ''
  const list = options.map((option) => {
    const at = option.indexOf('=')
    return `${option.slice(0, at)} ${literal(option.slice(at + 1)).trim()}`
  })
  return ` OPTIONS (${list.join(', ')})`
}
