/** The text of a generated migration. */
import type { Dialect } from '../sql/dialect.ts'
import { withEnd } from '../sql/script.ts'
import { cutStatements } from '../sql/statements.ts'
import { labelOf, plainName } from './columns.ts'
import { destroyedBy } from './destroying.ts'
import type { Statement } from './statement.ts'

/** One half of a migration. */
export interface Half {
  readonly statements: readonly Statement[]
  /** `true`: it must not run in a transaction. */
  readonly alone: boolean
}

/** Returns one half: its statements with an empty line between those of different objects, and what a reader should know. */
export function halfText(statements: readonly Statement[], dialect: Dialect): string {
  const blocks: string[] = []
  let before: Statement | undefined
  for (const statement of statements) {
    const notes = [
      ...destroyedBy(statement).map((object) => `-- migrate: destroys ${object}`),
      ...(statement.comment ? [`-- ${statement.comment}`] : []),
      ...(statement.blocks ? [`-- ${statement.blocks}`] : []),
    ]
    const text = [...notes, statement.converts ? statement.sql : withEnd(statement.sql, dialect).trim()].join('\n')
    const joined = before && before.object === statement.object && notes.length === 0
    if (joined) blocks.push(`${blocks.pop()}\n${text}`)
    else blocks.push(text)
    before = statement
  }
  return blocks.length === 0 ? '' : `${blocks.join('\n\n')}\n`
}

/**
 * Returns the lines that say whose values an up replaces, as somebody has answered.
 * @param columns all that the change replaces: `column users.country`
 */
export function overwrittenBy(up: readonly Statement[], columns: readonly string[]): string {
  return linesOf('overwrites', namedIn(up, columns))
}

/** Returns the lines that say what a down does not bring back. @param up the statements that it undoes */
export function notRestored(up: readonly Statement[], columns: readonly string[]): string {
  return linesOf('does-not-restore', [...up.flatMap(destroyedBy), ...namedIn(up, columns)])
}

/**
 * Returns one half of a migration that changes tables in use.
 * @param waits a statement that limits how long the others wait for locks
 */
export function onlineText({ statements, alone }: Half, dialect: Dialect, waits: string | undefined): string {
  const first = statements[0]
  if (first === undefined) return '-- Nothing to take back: the values stay until their column goes.\n'
  // A new object makes nobody wait, except a foreign key: it locks the table that it refers to.
  const isNew = statements.every(({ sql }) => /^CREATE /.test(sql))
  const before = alone ? '-- migrate: no-transaction\n\n' : waits === undefined || isNew ? '' : `${waits}\n\n`
  return `${before}${halfText(statements, dialect)}`
}

/**
 * Returns what is sent to the server for a generated text: on MySQL one statement after another, without the
 * delimiters that only the client program knows.
 */
export function sentTexts(sql: string, dialect: Dialect): string[] {
  if (dialect === 'postgres') return [sql]
  return cutStatements(sql, dialect).statements.map(({ start, end }) => sql.slice(start, end))
}

// --- internal ---

function linesOf(verb: string, objects: readonly string[]): string {
  const lines = objects.map((object) => `-- migrate: ${verb} ${object}\n`)
  return lines.length === 0 ? '' : `${lines.join('')}\n`
}

/** Returns the columns whose values these statements write: of several migrations, only such a one names the column. */
function namedIn(statements: readonly Statement[], columns: readonly string[]): readonly string[] {
  const writing = statements.filter(({ sql }) => /\b(?:UPDATE|USING|TYPE|MODIFY|CHANGE|INSERT)\b/.test(sql))
  return columns.filter((column) => writing.some(({ sql }) => sql.includes(plainName(labelOf(column)))))
}
