/** The DDL of tables, partitions and foreign tables. */
import type { SchemaObject } from '../../../schema/model.ts'
import type { ConstraintFacts, TableFacts } from '../catalog/facts.ts'
import {
  asColumn,
  columnExtras,
  columnSettings,
  columnText,
  hasOwnExpression,
  inheritedLines,
  optionList,
} from './column.ts'
import { attachedLines, constraintText, notNullLines, unprovenLines } from './constraint.ts'
import { comment, extras, lastPart, object } from './object.ts'

export function describeTable(facts: TableFacts): SchemaObject {
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

// --- internal ---

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
