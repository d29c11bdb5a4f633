/** Leaves objects out of the comparison that patterns name: they stay as they are on both sides. */

import { schemaOfSome } from '../database/postgres/catalog/catalog.ts'
import type { TableFacts } from '../database/postgres/catalog/facts.ts'
import { UsageError } from '../migrate/errors.ts'
import type { SchemaObject } from '../schema/model.ts'
import type { Schema } from '../schema/schema.ts'

/**
 * Each pattern is a kind (`function`), a name (`audit.*`, `dropped_*`), a column (`users.dropped_*`), or a kind and a name (`view report_*`).
 * An index, trigger, policy or foreign key goes with its table.
 */
export interface Leaving {
  /** The objects that are left as they are. */
  readonly leave?: readonly string[]
  /** The objects that are compared; all others are left as they are. */
  readonly only?: readonly string[]
}

/** Returns what cuts a schema down to what is compared. @throws UsageError for a pattern without a name */
export function comparedPart({ leave = [], only = [] }: Leaving): (schema: Schema) => Schema {
  if (leave.length + only.length === 0) return (schema) => schema
  const left = leave.map(readPattern)
  const wanted = only.map(readPattern)
  return (schema) => {
    const objects = new Map(
      schema.objects.flatMap((object) => {
        if (left.some((pattern) => isNamed(pattern, object))) return []
        // If objects are named that are to be compared, all others are left out.
        if (wanted.length > 0 && !wanted.some((pattern) => isNamed(pattern, object))) return []
        return [[object, withoutColumns(object, left)] as const]
      }),
    )
    return schemaOfSome(schema, objects)
  }
}

// --- internal ---

interface Pattern {
  readonly kind: string | undefined
  readonly name: RegExp | undefined
}

const KINDS: Readonly<Record<string, SchemaObject['kind']>> = {
  schema: 'schema',
  extension: 'extension',
  type: 'type',
  sequence: 'sequence',
  function: 'routine',
  procedure: 'routine',
  routine: 'routine',
  table: 'table',
  view: 'view',
  index: 'index',
  'foreign-key': 'foreign-key',
  trigger: 'trigger',
  rule: 'rule',
  policy: 'policy',
  statistics: 'statistics',
  'event-trigger': 'event-trigger',
  event: 'event',
  'default-privileges': 'default-privileges',
}

function readPattern(text: string): Pattern {
  const [first = '', ...rest] = text.trim().split(/\s+/)
  if (first === '')
    throw new UsageError('A pattern of objects to leave is empty.', {
      hint: "Write: --leave 'audit.*', --leave function",
    })
  const kind = first === 'column' ? 'column' : (KINDS[first.replace(/s$/, '')] ?? KINDS[first])
  const name = kind === undefined ? text.trim() : rest.join(' ')
  return { kind, name: name === '' ? undefined : globOf(name) }
}

/** `*` stands for any letters, in names without quotes. */
function globOf(text: string): RegExp {
  const parts = text
    .replace(/["`]/g, '')
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}

function plain(name: string): string {
  return name.replace(/["`]/g, '')
}

function isNamed({ kind, name }: Pattern, object: SchemaObject): boolean {
  if (kind === 'column') return false
  const own = plain(object.name).replace(/\(.*\)$/s, '')
  const isOwner = kind === 'table' || kind === 'view'
  if (isOwner && object.table !== null) return name === undefined || name.test(plain(object.table))
  if (kind !== undefined) return object.kind === kind && (name === undefined || name.test(own))
  return (name?.test(own) ?? false) || (object.table !== null && (name?.test(plain(object.table)) ?? false))
}

function withoutColumns(object: SchemaObject, left: readonly Pattern[]) {
  if (object.kind !== 'table') return { object }
  const gone = new Set(
    object.members.flatMap(({ key }) => {
      if (!key.startsWith('column ')) return []
      const label = key.slice('column '.length)
      const path = `${plain(object.name)}.${plain(label)}`
      const isLeft = left.some(({ kind, name }) => (kind === 'column' || kind === undefined) && name?.test(path))
      return isLeft ? [label] : []
    }),
  )
  if (gone.size === 0) return { object }
  const names = new Set([...gone].map(plain))
  const lineIsAbout = (line: string) =>
    [...gone].some((label) => line.includes(`${object.name}.${label} `) || line.includes(` COLUMN ${label} `))
  const cut: SchemaObject = {
    ...object,
    members: object.members.filter(({ key }) => !gone.has(key.slice('column '.length)) || !key.startsWith('column ')),
    columns: object.columns.filter(({ name }) => !names.has(name)),
    more: object.more.filter((line) => !lineIsAbout(line)),
  }
  return {
    object: cut,
    facts: (facts: unknown) => {
      const table = facts as TableFacts
      return { ...table, columns: table.columns?.filter(({ quoted }) => !gone.has(quoted)) ?? null } as never
    },
  }
}
