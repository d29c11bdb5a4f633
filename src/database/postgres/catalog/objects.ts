/** Builds the DDL of the objects that the catalog query returns: here of small kinds, in `ddl/` of the others. */
import type { SchemaObject } from '../../../schema/model.ts'
import { comment, companions, extras, grants, lastPart, object } from '../ddl/object.ts'
import { describeRoutine } from '../ddl/routine.ts'
import { describeTable } from '../ddl/table.ts'
import { describeType } from '../ddl/type.ts'
import { describeView } from '../ddl/view.ts'
import { literal } from '../tables.ts'
import type { FactsOf, ObjectRow } from './facts.ts'

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
