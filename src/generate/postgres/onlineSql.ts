/** The statements of single actions as they are written here, and what takes their place. */
import type { Statement } from '../statement.ts'
import type { PostgresStatement } from './step.ts'

/** Returns a statement in place of another. What destroys or explains something says so once. */
export function withText(statement: Statement, sql: string, isFirst: boolean): PostgresStatement {
  const { does, object, destroys, comment } = statement
  // The check is what makes SET NOT NULL brief, so that it must not go in the same statement.
  const [, table, action] =
    /^ALTER (TABLE .+?) ((?:ADD COLUMN|ADD CONSTRAINT|VALIDATE|ALTER COLUMN .+? SET DEFAULT) .*);$/s.exec(sql) ?? []
  return {
    sql,
    does,
    object,
    ...(isFirst && destroys !== undefined && { destroys }),
    ...(isFirst && comment !== undefined && { comment }),
    ...(table !== undefined && action !== undefined && { alter: { table, action } }),
  }
}

/** Returns a name with an ending, inside its quotes if it has any, no longer than the server keeps. */
export function suffixed(name: string, ending: string): string {
  const quote = name.endsWith('"') ? '"' : ''
  let body = quote ? name.slice(0, -1) : name
  while (new TextEncoder().encode(body.replace(/^"/, '') + ending).length > 63) body = [...body].slice(0, -1).join('')
  return `${body}${ending}${quote}`
}

// The patterns of the statements.

const NAME = String.raw`(?:"(?:[^"]|"")*"|[^\s."]+)`
const PATH = String.raw`${NAME}(?:\.${NAME})*`

export const ADD_CONSTRAINT = new RegExp(`^ALTER TABLE (?:ONLY )?(${PATH})\\s+ADD CONSTRAINT (${NAME}) (.+);$`, 's')
export const DROP_CONSTRAINT = new RegExp(`^ALTER TABLE (?:ONLY )?(${PATH})\\s+DROP CONSTRAINT (${NAME});$`, 's')
export const VALIDATE = new RegExp(`^ALTER TABLE (?:ONLY )?(${PATH})\\s+VALIDATE CONSTRAINT (${NAME});$`, 's')
export const SET_NOT_NULL = new RegExp(`^ALTER TABLE (?:ONLY )?(${PATH})\\s+ALTER COLUMN (${NAME}) SET NOT NULL;$`, 's')
export const COLUMN = new RegExp(`^ALTER TABLE (?:ONLY )?(${PATH})\\s+(?:ALTER|ADD|DROP) COLUMN (${NAME})\\b`, 's')
export const ADD_COLUMN = new RegExp(`^ALTER TABLE (${PATH})\\s+ADD COLUMN (${NAME}) (.+);$`, 's')
export const FILL = new RegExp(`^UPDATE (${PATH}) SET (${NAME}) = (.+) WHERE (${NAME}) IS NULL;$`, 's')
export const CREATE_INDEX = new RegExp(`^CREATE (UNIQUE )?INDEX (${NAME}) ON (ONLY )?(${PATH}) (.+);$`, 's')
export const DROP_INDEX = new RegExp(`^DROP INDEX (${PATH});$`, 's')
export const DOMAIN_CONSTRAINT = new RegExp(`^ALTER DOMAIN (${PATH}) ADD CONSTRAINT (${NAME}) (CHECK .+);$`, 's')
