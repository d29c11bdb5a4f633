/** Writes renames. They come first, so that everything that hangs on an object goes along before anything else changes. */
import type { Schema } from '../../schema/schema.ts'
import { CannotGenerateError } from '../errors.ts'
import type { Rename } from '../hints.ts'
import type { Statement } from '../statement.ts'
import { factsOf, isKind, type Side, sideOf } from './side.ts'

/**
 * Returns the statements. Where two objects exchange their names, the first one gets out of the way by another name for the while.
 * @throws CannotGenerateError if something that is renamed is not there
 */
export function renameStatements(from: Schema, renames: readonly Rename[]): Statement[] {
  const side = sideOf(from)
  const taken = new Set(from.objects.map(({ name }) => name))
  const statements: Statement[] = []
  const last: Statement[] = []
  // Columns, values and constraints are named with their table's old name, so they come before it.
  const sorted = renames
    .map((rename) => resolved(side, rename))
    .sort((a, b) => Number(isObject(a)) - Number(isObject(b)))
  const left = new Set(sorted.filter(isObject).map((one) => `${one.kind} ${one.old}`))
  for (const rename of sorted) {
    if (!isObject(rename)) {
      statements.push(renamePart(side, rename, sorted))
      continue
    }
    left.delete(`${rename.kind} ${rename.old}`)
    const waits = [...left].some((other) => other.split(' ').slice(1).join(' ') === rename.new)
    if (
      waits ||
      (taken.has(rename.new) &&
        sorted.some((other) => isObject(other) && other.old === rename.new && left.has(`${other.kind} ${other.old}`)))
    ) {
      const aside = withLast(
        rename.old,
        `${lastOf(rename.old).replace(/"$/, '')}_renamed${rename.old.endsWith('"') ? '"' : ''}`,
      )
      statements.push(...renameObject(side, rename, rename.old, aside))
      last.push(...renameObject(side, rename, aside, rename.new))
    } else statements.push(...renameObject(side, rename, rename.old, rename.new))
  }
  return [...statements, ...last]
}

// --- internal ---

const OBJECTS = ['table', 'view', 'index', 'sequence', 'type', 'function', 'schema', 'trigger', 'policy']

/** A name without its schema is enough where only one object has it. */
function resolved(side: Side, rename: Rename): Rename {
  const kind = rename.kind === 'function' ? 'routine' : rename.kind
  if (!isObject(rename) || side.objects.has(`${kind} ${rename.old}`)) return rename
  const found = [...side.objects.values()].filter(
    (object) => object.kind === kind && lastOf(object.name) === rename.old,
  )
  return found.length === 1 ? { ...rename, old: found[0]?.name ?? rename.old } : rename
}

function isObject({ kind }: Rename): boolean {
  return OBJECTS.includes(kind)
}

function renameObject(side: Side, { kind }: Rename, was: string, now: string): Statement[] {
  const what = wordFor(side, kind, was)
  const object = `${kind === 'function' ? 'routine' : kind} ${now}`
  const alter = (sql: string): Statement => ({ sql: `${sql};`, does: 'alter', object })
  if (kind === 'trigger' || kind === 'policy') {
    const [table, name] = splitLast(was)
    return [alter(`ALTER ${kind.toUpperCase()} ${name} ON ${table} RENAME TO ${lastOf(now)}`)]
  }
  if (kind === 'schema') return [alter(`ALTER SCHEMA ${was} RENAME TO ${now}`)]
  const [oldSchema, oldName] = splitLast(plain(was))
  const [newSchema, newName] = splitLast(plain(now))
  const statements: Statement[] = []
  let at = was
  if (oldSchema !== newSchema) {
    statements.push(
      ...(side.objects.has(`schema ${newSchema}`) || newSchema === ''
        ? []
        : [{ sql: `CREATE SCHEMA ${newSchema};`, does: 'create' as const, object: `schema ${newSchema}` }]),
      alter(`ALTER ${what} ${at} SET SCHEMA ${newSchema || 'public'}`),
    )
    at = `${newSchema ? `${newSchema}.` : ''}${oldName}${was.slice(plain(was).length)}`
  }
  if (oldName !== newName) statements.push(alter(`ALTER ${what} ${at} RENAME TO ${newName}`))
  return statements
}

function wordFor(side: Side, kind: string, name: string): string {
  const object = side.objects.get(`${kind === 'function' ? 'routine' : kind} ${name}`)
  if (object && isKind('type', object)) return factsOf(side, object).form === 'd' ? 'DOMAIN' : 'TYPE'
  if (object && isKind('table', object)) return factsOf(side, object).form === 'f' ? 'FOREIGN TABLE' : 'TABLE'
  if (object && isKind('view', object)) return factsOf(side, object).form === 'm' ? 'MATERIALIZED VIEW' : 'VIEW'
  if (object && isKind('routine', object)) return 'ROUTINE'
  return kind === 'function' ? 'ROUTINE' : kind.toUpperCase()
}

function renamePart(side: Side, rename: Rename, all: readonly Rename[]): Statement {
  const { kind } = rename
  const [owner, old] = splitLast(rename.old)
  const [, now] = splitLast(rename.new)
  if (kind === 'value') {
    const type = findName(side, 'type', owner, all)
    return {
      sql: `ALTER TYPE ${type} RENAME VALUE ${literal(old)} TO ${literal(now)};`,
      does: 'alter',
      object: `type ${type}`,
    }
  }
  const table = findName(side, 'table', owner, all)
  const view = side.objects.get(`view ${table}`)
  const word = view ? wordFor(side, 'view', table) : wordFor(side, 'table', table)
  if (kind === 'column')
    return { sql: `ALTER ${word} ${table} RENAME COLUMN ${old} TO ${now};`, does: 'alter', object: `table ${table}` }
  if (kind === 'constraint')
    return {
      sql: `ALTER ${word} ${table} RENAME CONSTRAINT ${old} TO ${now};`,
      does: 'alter',
      object: `table ${table}`,
    }
  throw new CannotGenerateError(`A rename of a ${kind} cannot be generated: ${rename.old}`, {
    hint: 'Known are: table, column, index, constraint, type, value, view, sequence, function, trigger, policy, schema.',
  })
}

/** Takes the owner's new name, too: the data names some parts that way. */
function findName(side: Side, kind: string, owner: string, all: readonly Rename[]): string {
  if (side.objects.has(`${kind} ${owner}`) || side.objects.has(`view ${owner}`)) return owner
  const renamed = all.find((other) => other.kind === kind && other.new === owner)
  return renamed?.old ?? owner
}

function literal(value: string): string {
  return value.startsWith("'") ? value : `'${value.replace(/^"(.*)"$/s, '$1').replaceAll("'", "''")}'`
}

/** A function's name without its arguments. */
function plain(name: string): string {
  return name.replace(/\(.*$/s, '')
}

function splitLast(name: string): [string, string] {
  const last = lastOf(name)
  return [name.slice(0, Math.max(0, name.length - last.length - 1)), last]
}

function lastOf(name: string): string {
  return /(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^".']+)$/.exec(name)?.[0] ?? name
}

function withLast(name: string, last: string): string {
  const [owner] = splitLast(name)
  return owner ? `${owner}.${last}` : last
}
