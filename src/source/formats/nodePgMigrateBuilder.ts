/**
 * Asks a migration of node-pg-migrate for its SQL. Its functions only collect SQL, so that no database is needed, unless
 * they query one with `pgm.db`.
 */
import { ScriptError, UnreadableFileError, UsageError } from '../../migrate/errors.ts'
import type { CodeBody, Direction, MigrationBody, MigrationContext } from '../../migrate/source.ts'
import { DIALECTS } from '../../sql/dialect.ts'
import { positionAt } from '../../sql/position.ts'
import type { LoadedModule, ModuleMigration } from '../files.ts'
import { heldPg } from './code/held.ts'
import { type Folder, importLibrary, irreversible } from './format.ts'

/** Definitions of types by their short names. */
export type Shorthands = Readonly<Record<string, unknown>>

export interface PgmOptions {
  /** node-pg-migrate's `decamelize`. */
  readonly decamelize?: boolean | undefined
  /** node-pg-migrate's `schema`: the search path. */
  readonly schema?: string | readonly string[] | undefined
}

/** The exports of a file. */
interface Actions {
  readonly up: Action
  /** `false`: it cannot be undone. Undefined: the reverse of up. */
  readonly down?: Action | false | undefined
  readonly shorthands?: Shorthands | undefined
}

type Action = (pgm: unknown, run?: () => void) => unknown

/** A loaded file with what it exports. */
export interface LoadedActions extends LoadedModule {
  readonly actions: Actions
}

/** @throws UnreadableFileError for a file that exports no up */
export async function loadActions(folder: Folder, file: string): Promise<LoadedActions> {
  const module = await folder.load?.(file, asActions)
  if (!module) throw new UsageError(`${folder.shown}/${file} is code, which cannot be loaded from there.`)
  // It has what `asActions` returned.
  return module as LoadedActions
}

/**
 * Returns the SQL of one half, or the code itself if it needs the database while it collects the SQL.
 * @throws ScriptError if the code fails
 */
export async function bodyOfActions(
  folder: Folder,
  file: string,
  direction: Direction,
  options: PgmOptions & { readonly shorthands: Shorthands },
): Promise<MigrationBody> {
  const module = await loadActions(folder, file)
  const key = JSON.stringify([direction, options.decamelize, options.schema, options.shorthands])
  const known = bodies.get(module) ?? new Map<string, MigrationBody>()
  bodies.set(module, known)
  const before = known.get(key)
  if (before) return before
  const made = await makeBody(folder, `${folder.shown}/${file}`, module, direction, options)
  known.set(key, made)
  return made
}

/** node-pg-migrate sets the search path before it begins. In front of the text, so that the lines stay the same. */
export function searchPath(schema: PgmOptions['schema']): string {
  const schemas = [schema ?? []].flat()
  return schemas.length === 0 ? '' : `SET search_path TO ${schemas.map(DIALECTS.postgres.quote).join(', ')}; `
}

// --- internal ---

/** The bodies of each half, which stay the same objects until the file changes. */
const bodies = new WeakMap<LoadedActions, Map<string, MigrationBody>>()

function asActions(exports: unknown, shown: string): ModuleMigration {
  const namespace = exports as Partial<Actions> & { readonly default?: Partial<Actions> }
  const { up, down, shorthands } = namespace.up === undefined ? (namespace.default ?? {}) : namespace
  if (typeof up !== 'function') {
    throw new UnreadableFileError(`${shown}: exports no function up(pgm), as a migration of node-pg-migrate does.`)
  }
  const actions: Actions = { up, down, shorthands }
  return { actions } as ModuleMigration
}

/** The part of the library's builder that we use. */
interface Builder {
  enableReverseMode(): Builder
  isUsingTransaction(): boolean
  getSqlSteps(): readonly string[]
}

interface Library {
  readonly MigrationBuilder: new (db: Database, shorthands: Shorthands, decamelize: boolean, logger: object) => Builder
}

interface Database {
  query(text: unknown, values?: unknown): Promise<unknown>
  select(text: unknown, values?: unknown): Promise<unknown>
}

interface Step {
  readonly sql: string
  /** The line in the file of the call that it is from. */
  readonly line: number | undefined
}

async function makeBody(
  folder: Folder,
  shown: string,
  module: LoadedActions,
  direction: Direction,
  options: PgmOptions & { readonly shorthands: Shorthands },
): Promise<MigrationBody> {
  const { actions } = module
  const { MigrationBuilder } = await builderOf(folder)
  const begin = (db: Database, log: (line: string) => void) =>
    new MigrationBuilder(db, options.shorthands, options.decamelize ?? false, loggerOf(log))
  if (direction === 'down' && actions.down === false) return irreversible('the file says "down = false"')
  let asked: () => void = () => undefined
  const database = new Promise<'database'>((resolve) => {
    asked = () => resolve('database')
  })
  // Its promise stays pending: an error might be caught, or be caught nowhere.
  const ask = () => {
    asked()
    return new Promise<never>(() => undefined)
  }
  const pgm = begin({ query: ask, select: ask }, () => undefined)
  try {
    const steps = await Promise.race([database, collect(pgm, module, direction)])
    if (steps !== 'database') return asSql(steps, pgm.isUsingTransaction(), options)
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    if (isReversed(actions, direction) && message.startsWith(NOT_INFERRED)) return irreversible(message)
    throw notCollected(error, shown, module)
  }
  return asCode(module, direction, pgm.isUsingTransaction(), async ({ client, log }) => {
    const held = heldPg(client, { alone: !pgm.isUsingTransaction() })
    const query = async (text: unknown, values?: unknown) => held.query(text, values)
    const select = async (text: unknown, values?: unknown) => (await held.query(text, values))?.rows
    const path = searchPath(options.schema)
    if (path) await query(path)
    for (const { sql } of await collect(begin({ query, select }, log), module, direction)) await query(sql)
  })
}

const NOT_INFERRED = 'Impossible to automatically infer down migration'

async function builderOf(folder: Folder): Promise<Library> {
  const loaded = await importLibrary<Library & { default?: Library }>(
    folder,
    'node-pg-migrate',
    'A migration of node-pg-migrate',
  )
  const library = loaded.MigrationBuilder ? loaded : loaded.default
  if (library?.MigrationBuilder) return library
  throw new UsageError('This version of node-pg-migrate does not export its MigrationBuilder.', {
    hint: 'Update it: npm install --save-dev node-pg-migrate@latest',
  })
}

function loggerOf(log: (line: string) => void): object {
  const say = (...words: unknown[]) => log(words.map(String).join(' '))
  return { debug: undefined, info: say, warn: say, error: say }
}

/** A migration without down is undone by the reverse of its up. */
function isReversed({ down }: Actions, direction: Direction): boolean {
  return direction === 'down' && down === undefined
}

/** Runs a half and returns the SQL that it collects, in the order in which it is to run. */
async function collect(pgm: Builder, { actions, locate }: LoadedActions, direction: Direction): Promise<Step[]> {
  const reversed = isReversed(actions, direction)
  if (reversed) pgm.enableReverseMode()
  const action = direction === 'down' && actions.down ? actions.down : actions.up
  const lines: (number | undefined)[] = []
  const watched = watch(pgm, () => {
    const place = locate?.(new Error())
    const line = place && positionAt(place.text, place.start).line
    while (lines.length < pgm.getSqlSteps().length) lines.push(line)
  })
  if (action.length === 2) await new Promise<void>((resolve) => void action(watched, resolve))
  else await action(watched)
  // Their order is the other one in reverse.
  return pgm.getSqlSteps().map((sql, place) => ({ sql, line: reversed ? undefined : lines[place] }))
}

/** Returns the builder with a call of `called` after each call of one of its functions. */
function watch(pgm: Builder, called: () => void): Builder {
  const watched: Builder = new Proxy(pgm, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const result: unknown = value.apply(target, args)
        called()
        return result === target ? watched : result
      }
    },
  })
  return watched
}

function asSql(steps: readonly Step[], transaction: boolean, { schema }: PgmOptions): MigrationBody {
  return {
    kind: 'sql',
    text: `${searchPath(schema)}${laidOut(steps)}`,
    rules: { directives: false, control: 'units', ...(!transaction && { transaction: 'none' }) },
  }
}

/** Puts each statement in the line of the call that it is from, so that an error names a line of the file. */
function laidOut(steps: readonly Step[]): string {
  let text = ''
  let at = 1
  for (const { sql, line } of steps) {
    const wanted = Math.max(line ?? 0, text === '' ? 1 : at + 1)
    text += '\n'.repeat(wanted - at) + sql
    at = wanted + sql.split('\n').length - 1
  }
  return text
}

function asCode(
  module: LoadedActions,
  direction: Direction,
  transaction: boolean,
  run: (context: MigrationContext) => Promise<void>,
): CodeBody {
  const { text, remarks, locate, fingerprint } = module
  return {
    kind: 'code',
    text,
    run,
    ...(!transaction && { transaction }),
    ...(fingerprint && { fingerprint: fingerprint(direction) }),
    remarks,
    locate,
  }
}

function notCollected(error: unknown, shown: string, { locate }: LoadedActions): Error {
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const place = locate?.(error)
  const hint = 'It failed while it was asked for its SQL; nothing has run.'
  if (place) return new ScriptError(words, place, hint)
  return new UnreadableFileError(`${shown} failed: ${words}`, { hint, cause: error })
}
