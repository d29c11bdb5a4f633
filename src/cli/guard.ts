/** Asks for confirmation before data is destroyed. */

import { createInterface } from 'node:readline/promises'
import { isLoopback } from '../database/address.ts'
import { locateDatabase } from '../database/open.ts'
import { UsageError } from '../migrate/errors.ts'
import type { Context } from './context.ts'

/** The exit code after the user answers a question with Ctrl-C. */
const INTERRUPTED = 130

/**
 * Makes sure that data may be destroyed. `--yes` is enough for a database that was named on the command line and is on
 * this machine. For any other, the user has to type its name or pass it with `--confirm`. With NODE_ENV=production it
 * always refuses. It checks the host and name that the client would connect to.
 * @throws UsageError
 */
export async function guard(context: Context, what: string): Promise<void> {
  const { yes, confirm, database } = context.options
  if (process.env.NODE_ENV === 'production') {
    throw new UsageError(`NODE_ENV is production: ${what} is refused.`)
  }
  const place = await locateDatabase(context.url)
  const name = place.database
  if (!name)
    throw new UsageError(`The URL names no database, so ${what} is refused.`, { hint: 'Name it: postgres://host/NAME' })
  const near = isLoopback(place.host)
  if (confirm === name) return
  if (confirm !== undefined) throw new UsageError(`--confirm ${confirm}: the database is called "${name}".`)
  if (yes && near && database !== undefined) return
  const where = place.host ? ` on ${place.host}` : ''
  if (!process.stdin.isTTY || context.options.json) {
    const enough = near && database !== undefined ? '--yes' : `--confirm ${name}`
    throw new UsageError(`${what} destroys data in "${name}"${where}.`, {
      hint: `To proceed, add ${enough}.`,
    })
  }
  const answer = await ask(`${what} destroys data in "${name}"${where}. Type the database's name to continue: `)
  if (answer?.trim() !== name) throw new UsageError("That is not the database's name; nothing was done.")
}

// --- internal ---

/** Asks a question on the terminal. Returns undefined if the terminal was closed. Ctrl-C ends the program. */
async function ask(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  terminal.once('SIGINT', () => {
    process.stderr.write('\nNothing was done.\n')
    process.exit(INTERRUPTED)
  })
  try {
    const closed = new Promise<undefined>((resolve) => terminal.once('close', () => resolve(undefined)))
    return await Promise.race([terminal.question(question), closed])
  } finally {
    terminal.close()
  }
}
