/** Whether a database may be watched: one that was made for it, named for it, or marked. */

import { isLoopback } from '../database/address.ts'
import { locateDatabase, type OpenOptions, openDevelopment, openFallback } from '../database/open.ts'
import { MigratestError, UsageError } from '../migrate/errors.ts'

/** This database is not for development, or it is not known whether it is. Nothing was touched. */
export class NotForDevelopmentError extends MigratestError {
  readonly code = 'MIGRATEST_NOT_FOR_DEVELOPMENT'
}

export interface AllowOptions {
  readonly open: OpenOptions
  /** A server of our own. */
  readonly own: boolean
  /** It was named for this very purpose, not found in the environment. */
  readonly named: boolean
  /** Its name, typed by a person to mean it. */
  readonly confirmed: string | undefined
  /** Undefined where nobody can be asked; gives what was typed. */
  readonly ask: ((question: string) => Promise<string | undefined>) | undefined
}

/** @throws NotForDevelopmentError, UsageError */
export async function allow(url: string, { open, own, named, confirmed, ask }: AllowOptions): Promise<void> {
  if (process.env.NODE_ENV === 'production') {
    throw new NotForDevelopmentError('NODE_ENV is production: nothing is watched there.')
  }
  const { host, database } = await locateDatabase(url)
  if (!database) throw new UsageError('The URL names no database.', { hint: 'Name it: postgres://host/NAME' })
  // Whoever watched it was allowed to, and died: it is put back before it can be looked at.
  const fallback = await openFallback(url, open)
  // Who may not look beside the database made no copy either.
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
      const copied = marker.kind === 'marked' ? ' It was copied from one that is marked for development.' : ''
      const question = `Watching undoes and applies migrations in "${database}" ${where}, as files are saved.${copied}`
      const typed = confirmed ?? (await ask?.(`${question}\nType its name if it is for development: `))
      if (typed === undefined) {
        throw new NotForDevelopmentError(question, {
          hint: `If it is for development, say --confirm ${database} once${near ? ', or name it with --database' : ''}.`,
        })
      }
      if (typed.trim() !== database) throw new NotForDevelopmentError('That is not its name; nothing was touched.')
    }
    await development.mark('development')
  } finally {
    await development.close()
  }
}
