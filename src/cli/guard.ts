/** Before data is destroyed. */
import { createInterface } from 'node:readline/promises'
import { UsageError } from '../migrate/errors.ts'
import type { Context } from './context.ts'

/**
 * `--yes` is enough for a database that was named on the command line and is on this machine; for any other its name has
 * to be typed, or given with `--confirm`. In production it is refused.
 * @throws UsageError
 */
export async function guard(context: Context, what: string): Promise<void> {
  const { yes, confirm, database } = context.options
  if (process.env.NODE_ENV === 'production') {
    throw new UsageError(`NODE_ENV is production: ${what} is refused.`)
  }
  const url = new URL(context.url)
  const name = decodeURIComponent(url.pathname.slice(1))
  const near = ['localhost', '127.0.0.1', '[::1]', ''].includes(url.hostname)
  if (confirm === name) return
  if (confirm !== undefined) throw new UsageError(`--confirm ${confirm}: the database is called "${name}".`)
  if (yes && near && database !== undefined) return
  if (!process.stdin.isTTY) {
    const enough = near && database !== undefined ? '--yes' : `--confirm ${name}`
    throw new UsageError(`${what} destroys data in "${name}" on ${url.host}.`, {
      hint: `Add ${enough} if that is meant.`,
    })
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(
    `${what} destroys data in "${name}" on ${url.host}. Type the database's name to go on: `,
  )
  terminal.close()
  if (answer.trim() !== name) throw new UsageError('That is not its name; nothing was done.')
}
