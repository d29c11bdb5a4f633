/** Writes a migration: from what the migrations build to a wanted schema, tried and proven on a test server. */

import { UsageError } from '../migrate/errors.ts'
import type { Hidden, Source } from '../migrate/source.ts'
import type { SchemaObject } from '../schema/model.ts'
import type { Schema } from '../schema/schema.ts'
import { statementOf } from '../schema/text.ts'
import { DIALECTS, type Dialect } from '../sql/dialect.ts'
import { hiddenOf, MigratedDatabase } from '../testing/lease/migratedDatabase.ts'
import { sourceOf } from '../testing/lease/migrations.ts'
import type { MigratedDatabaseOptions } from '../testing/lease/options.ts'
import type { TestServer } from '../testing/testServer.ts'
import { type GivenAnswers, readAnswers } from './answers.ts'
import { type Attempts, inTransactions, onCopies, type Scratch } from './attempts.ts'
import { codeText, isCode } from './codeText.ts'
import { isSame } from './decide.ts'
import { destroyQuestions, waysOf } from './destroying.ts'
import type { Generator } from './generator.ts'
import { generatorOf, onlineWriterOf } from './generators.ts'
import { type Answers, NO_ANSWERS } from './hints.ts'
import { comparedPart, type Leaving } from './leaving.ts'
import { nameOf } from './name.ts'
import { neutralAnswers } from './neutral.ts'
import { type OnlineInput, onlineMigrations } from './online/online.ts'
import { overwritten } from './overwritten.ts'
import { changedTables, prove } from './prove.ts'
import { proveSpared } from './proveSpared.ts'
import { type Answered, commonQuestions, type Question } from './questions.ts'
import { proveWithRows, someRows } from './someRows.ts'
import type { Statement } from './statement.ts'
import { halfText, notRestored, onlineText, overwrittenBy, sentTexts } from './text.ts'
import { loadWanted, type WantedText } from './wanted.ts'

/** The schema to get to. */
export type Wanted =
  /** `partial`: kinds of objects that the SQL has none of are left as they are, because what printed it knows none. */
  { readonly sql: readonly WantedText[]; readonly partial?: boolean } | { readonly schema: Schema }

export interface GenerateOptions<Client>
  extends Pick<MigratedDatabaseOptions<Client>, 'server' | 'migrations' | 'table' | 'schema'>,
    Leaving {
  readonly wanted: Wanted
  readonly answers?: GivenAnswers
  /** `true`: what would keep others out of a table for long is written in a gentler way, in as many migrations as that takes. */
  readonly online?: boolean
  /** Puts rows into the database before the up, for the proof. */
  readonly rows?: (db: Scratch, schema: Schema) => Promise<void>
}

/** One migration. */
interface GeneratedMigration {
  readonly up: readonly Statement[]
  readonly down: readonly Statement[]
  readonly upText: string
  readonly downText: string
  /**
   * A file in TypeScript with both halves, where people have to write code; then the texts say only what happens around it.
   */
  readonly code?: string
  /** A word behind the name, such as `indexes`; empty for the first migration. */
  readonly suffix: string
  /** `true` if a half must not run in a transaction. */
  readonly alone?: boolean
}

export interface Generated {
  /** What has to be answered first; then there are no statements. */
  readonly questions: readonly Question[]
  /** The statements of all migrations, and those that take all of them back. */
  readonly up: readonly Statement[]
  readonly down: readonly Statement[]
  /** The same as text; empty if there is nothing to do. Where code stands, there is a comment. */
  readonly upText: string
  readonly downText: string
  /** In the order of their ups; empty if there is nothing to do. Without `online`, there is one. */
  readonly migrations: readonly GeneratedMigration[]
  /** A title made from the change, such as `add_users_email`. */
  readonly name: string
  readonly from: Schema
  readonly to: Schema
  /** Objects that were left as they are, see {@link Wanted}: kind and name. */
  readonly left: readonly string[]
  /** What was set aside, and its new name: one sentence each. */
  readonly aside?: readonly string[]
  /** What failed with generated rows in the tables, though it works without: rows like these may be there. */
  readonly remark?: string
}

/**
 * Returns the statements of both halves. Nothing is returned that was not run: up, down, and up again.
 * @throws CannotGenerateError, GenerateProofError, NothingWantedError, WantedSqlError, UsageError for answers
 */
export async function generate<Client>(options: GenerateOptions<Client>): Promise<Generated> {
  const { server } = options
  const source = await sourceOf(options.migrations)
  const writer = options.online ? onlineWriterOf(server.dialect) : undefined
  const generator = writer?.generator ?? generatorOf(server.dialect)
  const rowsIn: string[] = []
  const scratch = scratchOf(options, rowsIn)
  // Both sides at once: each waits for the server most of the time.
  const wanting = wantedSchema(options, source)
  wanting.catch(() => undefined)
  const attempts = await attemptsOn(server.dialect, scratch)
  try {
    const from = await attempts.attempt(async (db) => ({ keep: true, value: await db.schema() }))
    const { to: all, left } = await (await wanting)(from)
    const to = comparedPart(options)(all)
    const answered = { ...readAnswers(options.answers ?? {}, from, to), takesCode: takesCode(source, options) }
    if (answered.answers.conversions.length > 0) refuseCode(source, options)
    const shared = {
      from,
      to,
      left,
      name: '',
      up: [],
      down: [],
      upText: '',
      downText: '',
      migrations: [],
      questions: [],
    }
    if (isSame(generator, to, from)) return shared
    const questions = openQuestions(generator, from, to, answered)
    if (questions.length > 0) return { ...shared, questions }
    if (options.rows) await fillRows(attempts, options.rows, from)
    const answers = { up: answered.answers, down: neutralAnswers(to, from, reversed(answered.answers)) }
    const tables = options.rows ? [] : changedTables(from, to)
    if (tables.length > 0) {
      await attempts.attempt(async (db) => ({ keep: true, value: await db.fill?.(tables) }))
      // Further databases in which statements are tried get the same rows.
      rowsIn.push(...tables)
    }
    const proven = await proveWithRows(tables, {
      withRows: attempts,
      without: () => attemptsOn(server.dialect, scratchOf(options)),
      run: (on) => prove(on, generator, to, answers, { from }),
    })
    const ways = waysOf(proven.up, answered.usual, answered.ways)
    const destroyed = destroyQuestions(proven.up, ways)
    if (destroyed.length > 0) return { ...shared, questions: destroyed }
    const isSpared = [...ways.values()].some((way) => way !== 'drop')
    const scratchWithRows = scratchOf(options, proven.remark === undefined ? tables : [])
    const spared = isSpared
      ? await proveSpared(() => attemptsOn(server.dialect, scratchWithRows), {
          to,
          answers,
          ways,
          dialect: server.dialect,
          isJoined: !writer,
        })
      : undefined
    const { up, down, remark, reached, answers: both } = spared ?? { ...proven, answers, reached: to }
    const changed = overwritten(from, to, answered.answers)
    const migrations = writer
      ? await writtenOnline(
          {
            writer,
            statements: up,
            from,
            to: reached,
            answers: both,
            transactional: DIALECTS[server.dialect].transactionalDdl,
          },
          scratchWithRows,
          server.dialect,
          changed,
        )
      : [writtenAtOnce(up, down, server.dialect, changed)]
    const backwards = [...migrations].reverse()
    return {
      ...shared,
      ...(spared && { aside: spared.aside.map(({ kind, old, new: now }) => `${kind} ${old} is ${now} now`) }),
      up: migrations.flatMap((one) => one.up),
      down: backwards.flatMap((one) => one.down),
      upText: migrations.map((one) => one.upText).join('\n'),
      downText: backwards.map((one) => one.downText).join('\n'),
      migrations,
      name: nameOf(to.diff(from), answered.answers),
      ...(remark !== undefined && { remark }),
    }
  } finally {
    await attempts.dispose()
  }
}

/** Returns the statements that lead from what the migrations build at a version to another schema, and back. */
export async function statementsBetween<Client>(
  options: Omit<GenerateOptions<Client>, 'wanted' | 'answers' | 'rows'> &
    Pick<MigratedDatabaseOptions<Client>, 'version'>,
  to: Schema,
): Promise<Pick<Generated, 'up' | 'down' | 'from'>> {
  const { dialect } = options.server
  const scratch = scratchOf(options)
  const attempts = await attemptsOn(dialect, scratch)
  try {
    return await prove(attempts, generatorOf(dialect), to, { up: NO_ANSWERS, down: NO_ANSWERS })
  } finally {
    await attempts.dispose()
  }
}

// --- internal ---

async function attemptsOn(dialect: Dialect, scratch: () => Promise<Scratch>): Promise<Attempts> {
  return DIALECTS[dialect].transactionalDdl ? inTransactions(await scratch()) : onCopies(scratch)
}

/**
 * Returns what makes databases at the state that the migrations build.
 * @param tables the names of tables to put some generated rows into, as they are when a database is made
 */
function scratchOf<Client>(
  options: Omit<GenerateOptions<Client>, 'wanted'>,
  tables: readonly string[] = [],
): () => Promise<Scratch> {
  return async () => {
    const { answers: _, rows: __, wanted: ___, online: ____, leave, only, ...rest } = options as GenerateOptions<Client>
    // Before the first migration, there is no latest version.
    const isEmpty = (await (await sourceOf(options.migrations)).list()).length === 0
    const db = await MigratedDatabase.create({ ...(isEmpty && { version: 'nil' as const }), ...rest })
    if (tables.length > 0) await someRows(db.client as object, tables)
    const part = comparedPart({ ...(leave && { leave }), ...(only && { only }) })
    return {
      run: async (sql) => {
        for (const one of sentTexts(sql, options.server.dialect)) await db.query(one)
      },
      rows: (sql) => db.query(sql),
      schema: async () => part(await db.schema(db.client)),
      fill: (names) => someRows(db.client as object, names),
      dispose: () => db[Symbol.asyncDispose](),
    }
  }
}

/** Returns whether what people answer may be code: it stands in a file of ours. */
function takesCode({ format }: Source, { online }: { readonly online?: boolean | undefined }): boolean {
  return format === undefined && !online
}

/** @throws UsageError if a split or merge cannot be written here */
function refuseCode(source: Source, options: { readonly online?: boolean | undefined }): void {
  if (takesCode(source, options)) return
  const { format } = source
  throw new UsageError(
    format
      ? `A split or merge is written in TypeScript, and nothing of the kind is written into a folder of ${format.tool}.`
      : '--online writes SQL only, and a split or merge is written in TypeScript.',
    {
      hint: 'In three migrations: generate the new columns (--destroy leave=TABLE.COLUMN), write the rows by a migration of your own, and drop the old columns later.',
    },
  )
}

function writtenAtOnce(
  up: readonly Statement[],
  down: readonly Statement[],
  dialect: Dialect,
  changed: readonly string[],
): GeneratedMigration {
  return {
    suffix: '',
    ...(isCode(up) && { code: codeText(up, down, dialect, changed) }),
    up: up.map(withoutStandIn),
    down: down.map(withoutStandIn),
    upText: `${overwrittenBy(up, changed)}${halfText(up.map(withoutStandIn), dialect)}`,
    downText: `${notRestored(up, changed)}${halfText(down.map(withoutStandIn), dialect)}`,
  }
}

/** Returns the statement without the SQL that stood for the person's function in the proof: the file must not run that. */
function withoutStandIn(statement: Statement): Statement {
  const { converts } = statement
  if (!converts) return statement
  const names = (columns: typeof converts.from) => columns.map(({ name }) => name).join(', ')
  const text = `${converts.table}: ${names(converts.from)} to ${names(converts.to)}, row by row, in TypeScript`
  return { ...statement, sql: `-- ${text.replaceAll(/\s+/g, ' ')}` }
}

async function writtenOnline(
  input: Omit<OnlineInput, 'scratch'>,
  scratch: () => Promise<Scratch>,
  dialect: Dialect,
  changed: readonly string[],
): Promise<GeneratedMigration[]> {
  const migrations = await onlineMigrations({ ...input, scratch })
  const { waitsAtMost } = input.writer
  return migrations.map(({ suffix, up, down }) => ({
    suffix,
    up: up.statements,
    down: down.statements,
    upText: `${overwrittenBy(up.statements, changed)}${onlineText(up, dialect, waitsAtMost)}`,
    downText: `${notRestored(up.statements, changed)}${onlineText(down, dialect, waitsAtMost)}`,
    alone: up.alone || down.alone,
  }))
}

async function fillRows(
  attempts: Attempts,
  rows: NonNullable<GenerateOptions<unknown>['rows']>,
  from: Schema,
): Promise<void> {
  await attempts.attempt(async (db) => {
    await rows(db, from)
    return { keep: true, value: undefined }
  })
}

function openQuestions(generator: Generator, from: Schema, to: Schema, answered: Answered): Question[] {
  return [...commonQuestions(from, to, answered), ...generator.questions(from, to, answered)]
}

/** The answers for the way back: renames and conversions turned round. */
function reversed({ renames, conversions }: Answers): Answers {
  return {
    renames: renames.map(({ kind, old, new: now }) => ({ kind, old: now, new: old })).reverse(),
    fill: new Map(),
    map: new Map(),
    using: new Map(),
    conversions: conversions.map(({ old, new: now }) => ({ old: now, new: old })),
  }
}

interface WantedSchema {
  readonly to: Schema
  readonly left: readonly string[]
}

/** Reads the wanted schema. What it returns adds what is left alone, once the other side is known. */
async function wantedSchema<Client>(
  options: GenerateOptions<Client>,
  source: Source,
): Promise<(from: Schema) => Promise<WantedSchema>> {
  const { wanted, server } = options
  if ('schema' in wanted) return async () => ({ to: wanted.schema, left: [] })
  const hidden = hiddenOf(source, options, server.dialect)
  const to = await onEmptyDatabase(server, source, hidden, async (run, read) => {
    await loadWanted(run, wanted.sql, server.dialect)
    return read()
  })
  return async (from) => {
    if (!wanted.partial || !knowsLess(from, to)) return { to, left: [] }
    return onEmptyDatabase(server, source, hidden, async (run, read) => {
      await loadWanted(run, wanted.sql, server.dialect)
      const left = await leave(run, from, to)
      return { to: left.length === 0 ? to : await read(), left }
    })
  }
}

/** Reads the schema that SQL describes. @throws NothingWantedError, WantedSqlError */
export async function readWanted<Client>(
  options: Pick<GenerateOptions<Client>, 'server' | 'migrations' | 'table' | 'schema'>,
  sql: readonly WantedText[],
): Promise<Schema> {
  const source = await sourceOf(options.migrations)
  const hidden = hiddenOf(source, options, options.server.dialect)
  return onEmptyDatabase(options.server, source, hidden, async (run, read) => {
    await loadWanted(run, sql, options.server.dialect)
    return read()
  })
}

async function onEmptyDatabase<Client, T>(
  server: TestServer<Client>,
  source: Source,
  hidden: Hidden,
  work: (run: (sql: string) => Promise<unknown>, read: () => Promise<Schema>) => Promise<T>,
): Promise<T> {
  const database = await server.create(source.format?.before())
  try {
    const client = await database.connect()
    try {
      return await work(
        async (sql) => {
          for (const one of sentTexts(sql, server.dialect)) await database.query(client, one)
        },
        () => database.readSchema(hidden),
      )
    } finally {
      await database.disconnect(client)
    }
  } finally {
    await database.drop()
  }
}

/** Kinds of objects that tables do not need, and that a tool which prints SQL may know nothing of. */
const LEFT_ALONE: readonly SchemaObject['kind'][] = [
  'extension',
  'routine',
  'view',
  'trigger',
  'rule',
  'policy',
  'statistics',
  'event-trigger',
  'event',
  'default-privileges',
  'other',
]

function knowsLess(from: Schema, to: Schema): boolean {
  const known = new Set(to.objects.map(({ kind }) => kind))
  return from.objects.some(({ kind }) => LEFT_ALONE.includes(kind) && !known.has(kind))
}

/** Makes the objects of the kinds that the wanted side has none of, as far as they still can be made. */
async function leave(run: (sql: string) => Promise<unknown>, from: Schema, to: Schema): Promise<string[]> {
  const known = new Set(to.objects.map(({ kind }) => kind))
  const left: string[] = []
  let open = from.objects.filter(
    ({ kind, head }) => LEFT_ALONE.includes(kind) && !known.has(kind) && !head.startsWith('--'),
  )
  for (let before = -1; before !== open.length; ) {
    before = open.length
    const failed: SchemaObject[] = []
    for (const object of open) {
      try {
        await run(statementOf(object))
        for (const sql of object.more) if (!sql.startsWith('--')) await run(sql)
        left.push(`${object.kind} ${object.name}`)
      } catch {
        failed.push(object)
      }
    }
    open = failed
  }
  return left
}
