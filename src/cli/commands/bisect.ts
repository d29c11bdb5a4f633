import { spawn } from 'node:child_process'
import { UsageError } from '../../migrate/errors.ts'
import type { MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import { type Bisected, bisect, type Tried } from '../../verify/bisect.ts'
import type { Context } from '../context.ts'
import { OptionError } from '../options.ts'
import { checkLine, plural } from '../render.ts'

/** Finds the first version at which a query or a command fails. Returns 1 if there is one. */
export async function run(context: Context, args: readonly string[]): Promise<number> {
  const attempt = attemptOf(args)
  const { outOfOrder } = context.config
  context.busy('waiting for a test server')
  let since = performance.now()
  const found = await bisect({
    server: await context.testServer(),
    migrations: context.migrations,
    ...(outOfOrder && { outOfOrder }),
    attempt,
    onTried: ({ label, ok, message }) => {
      const remark = ok ? 'works' : message.split('\n')[0]
      context.printLine(checkLine(`at ${label}`, ok, remark, performance.now() - since))
      since = performance.now()
    },
  })
  const { first, last, tried } = found
  context.print(textOf(found), { first: shown(first), last: shown(last), tried: tried.map(shown) })
  return first || !last ? 1 : 0
}

// --- internal ---

type Attempt = (db: MigratedDatabase<unknown>) => Promise<string | undefined>

/** Reads the command line: a single argument is an SQL query; the arguments behind `--` are a command. */
function attemptOf(args: readonly string[]): Attempt {
  const marked = process.argv.indexOf('--')
  const command = marked === -1 ? [] : process.argv.slice(marked + 1)
  if (command.length > 0 && command.length === args.length) return (db) => commandFails(command, db.url)
  const [sql, ...surplus] = args
  if (sql === undefined || marked !== -1 || surplus.length > 0) {
    throw new OptionError('bisect takes one argument with SQL, or a command after "--".', {
      hint: "migratest bisect 'select name from users'\nmigratest bisect -- npm test",
    })
  }
  return (db) =>
    db.query(sql).then(
      () => undefined,
      async (error: Error) => {
        // The server still counts the statement as running for a moment after it has sent the error.
        await db.query('select 1').catch(() => undefined)
        return error.message
      },
    )
}

async function commandFails(
  [name = '', ...args]: readonly string[],
  url: string | undefined,
): Promise<string | undefined> {
  if (url === undefined) throw new UsageError('A command needs a database with a URL, and PGlite has none.')
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env: { ...process.env, DATABASE_URL: url }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const hear = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-MOST_OUTPUT)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', (cause) => reject(new UsageError(`${name} cannot be run: ${cause.message}`, { cause })))
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `${signal ?? `exit code ${code}`}${output ? `\n${output.trim()}` : ''}`),
    )
  })
}

const MOST_OUTPUT = 20_000

function textOf({ first, last, tried }: Bisected): string {
  const after = `tried ${plural(tried.length, 'version')}`
  if (!last)
    return `It fails at every version that was tried, without migrations, too (${after}).\n\n${tried[0]?.message}`
  if (!first) return `It works at the latest version, ${last.label}.`
  return `It fails since ${first.label}, and works at ${last.label} (${after}).\n\n${first.message.replace(/^(?=.)/gm, '  ')}`
}

function shown(tried: Tried | undefined): object | null {
  return tried ? { version: tried.version, name: tried.label, ok: tried.ok, message: tried.message } : null
}
