/** Parses a file's name: `{version}_{title}.{up|down}.sql`, or `{version}_{title}.{ts,mts,js,mjs}`. */
import { FileNameError } from '../migrate/errors.ts'
import type { Direction } from '../migrate/source.ts'
import { MAX_VERSION } from '../migrate/version.ts'

export type FileName =
  | { readonly kind: 'sql'; readonly version: number; readonly title: string; readonly direction: Direction }
  | { readonly kind: 'code'; readonly version: number; readonly title: string }
  /** A file that looks like a migration of another tool. */
  | { readonly kind: 'other' }
  | { readonly kind: 'unrelated' }

const SQL = /^([0-9]+)_(.*)\.(up|down)\.sql$/
const CODE = /^([0-9]+)_(.*)\.(?:m?ts|m?js)$/
const NOT_CODE = /\.(?:d\.m?ts|(?:test|spec)\.m?[tj]s)$/
const LOOKS_LIKE = /^[0-9]+_.*\.(?:(?:up|down)\.[^.]+|sql.+)$/

/** Parses a file's name. @param shown the file's name in errors. @throws FileNameError */
export function parseFileName(name: string, shown = name): FileName {
  // Hidden files: editors' swap files, .DS_Store, .gitkeep.
  if (name.startsWith('.')) return { kind: 'unrelated' }
  const sql = SQL.exec(name)
  if (sql) {
    const [, digits = '', title = '', direction] = sql
    return { kind: 'sql', version: toVersion(digits, shown), title, direction: direction as Direction }
  }
  if (/\.sql$/i.test(name)) {
    throw new FileNameError(`${shown}: not a valid name for a migration.`, { hint: suggestion(name) })
  }
  const code = NOT_CODE.test(name) ? null : CODE.exec(name)
  if (code && !LOOKS_LIKE.test(name)) {
    const [, digits = '', title = ''] = code
    return { kind: 'code', version: toVersion(digits, shown), title }
  }
  return { kind: LOOKS_LIKE.test(name) ? 'other' : 'unrelated' }
}

// --- internal ---

function toVersion(digits: string, shown: string): number {
  const version = Number(digits)
  if (Number.isSafeInteger(version)) return version
  throw new FileNameError(`${shown}: version ${digits} is beyond the highest possible, ${MAX_VERSION}.`)
}

function suggestion(name: string): string {
  const pattern = 'Names are VERSION_TITLE.up.sql and VERSION_TITLE.down.sql, such as 0001_create_users.up.sql.'
  const digits = /^\d+/.exec(name)?.[0]
  if (/^\d+_.*\.sql$/i.test(name) && !/\.(up|down)\.sql$/i.test(name)) {
    return `${pattern} For this one: ${name.replace(/\.sql$/i, '.up.sql')}.`
  }
  if (digits && !/^\d+_/.test(name)) return `${pattern} After the version ${digits} comes an underscore and a title.`
  if (!digits) return `${pattern} This one does not begin with a version; if it is not a migration, move it elsewhere.`
  return pattern
}
