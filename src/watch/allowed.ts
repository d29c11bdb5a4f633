/**
 * Checks that a database may be watched: migratest created it for watching, the user named it on the command line, or
 * it is marked for development.
 */

import { isLoopback } from '../database/address.ts'
import { locateDatabase, type OpenOptions, openDevelopment, openFallback } from '../database/open.ts'
import { MigratestError, UsageError } from '../migrate/errors.ts'

/** Thrown if the database is not for development, or if we do not know. Nothing was changed. */
export class NotForDevelopmentError extends MigratestError {
  readonly code = 'MIGRATEST_NOT_FOR_DEVELOPMENT'
}

export interface AllowOptions {
  readonly open: OpenOptions
  /** `true` if the database is on a server that migratest runs. */
  readonly own: boolean
  /**
   * `true` if the database was named on the command line (or in the plugin's options); `false` if the URL comes from
   * elsewhere, such as the environment.
   */
  readonly named: boolean
  /** The database's name, if the user confirmed it with `--confirm`. */
  readonly confirmed: string | undefined
  /** Asks a question and resolves with the typed answer; undefined if there is no user to ask. */
  readonly ask: ((question: string) => Promise<string | undefined>) | undefined
}

/**
 * Checks that the database may be watched, and marks it for development.
 * @throws NotForDevelopmentError, UsageError
 */
export async function allow(url: string, { open, own, named, confirmed, ask }: AllowOptions): Promise<void> {
  if (process.env.NODE_ENV === 'production') {
    throw new NotForDevelopmentError('NODE_ENV is production: watching is refused.')
  }
  const { host, database } = await locateDatabase(url)
  if (!database) throw new UsageError('The URL names no database.', { hint: 'Name it: postgres://host/NAME' })
  // If a run of an earlier watch was interrupted, restore its copy before anything reads the database. That watch was
  // allowed, so there is no further check.
  const fallback = await openFallback(url, open)
  // A role that cannot connect to look for a copy cannot have made one either.
  const wasCutOff = await fallback.wasCutOff().catch((error: MigratestError) => {
    if (error.code !== 'MIGRATEST_CONNECTION') throw error
    return false
  })
  if (wasCutOff) return fallback.restore()
  const development = await openDevelopment(url, open)
  try {
    const marker = await development.marker()
    if (marker.kind === 'marked' && marker.environment !== 'development') {
      throw new NotForDevelopmentError(`"${database}" is marked as ${marker.environment}.`, {
        hint: 'If that is wrong: migratest mark development',
      })
    }
    if (marker.kind === 'marked' && marker.here) return
    const near = isLoopback(host)
    const where = near ? 'on this machine' : `on ${host}`
    if (!own && !(near && named)) {
      const copied = marker.kind === 'marked' ? ' It is a copy of a database that is marked for development.' : ''
      const question = `Watching undoes and applies migrations in "${database}" ${where} whenever files are saved.${copied}`
      const typed = confirmed ?? (await ask?.(`${question}\nIf the database is for development, type its name: `))
      if (typed === undefined) {
        throw new NotForDevelopmentError(question, {
          hint: `If it is for development, add --confirm ${database} once${near ? ', or name it with --database' : ''}.`,
        })
      }
      if (typed.trim() !== database)
        throw new NotForDevelopmentError("That is not the database's name; nothing was touched.")
    }
    await development.mark('development')
  } finally {
    await development.close()
  }
}
