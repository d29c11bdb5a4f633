import { spawnSync } from 'node:child_process'
import { URL } from 'node:url'
import { UsageError } from '../../migrate/errors.ts'
import { findKept, type KeptDatabase, listKept, removeKept } from '../../testing/server/kept.ts'
import type { Context } from '../context.ts'
import { bytes, columns, plural } from '../render.ts'

export async function run(context: Context, [action = 'list', name]: readonly string[]): Promise<number> {
  if (action !== 'list' && action !== 'open' && action !== 'gc')
    throw new UsageError(`Unknown action "${action}": use list, open or gc.`)
  const all = await listKept(context.options.server)
  if (action === 'list') return list(context, all)
  return action === 'gc' ? gc(context, all) : open(context, all, name)
}

function list(context: Context, all: readonly KeptDatabase[]): number {
  const rows = all.map(({ name, test, file, version, keptAt, sizeBytes, connections, server }) => [
    name,
    [file, test].filter(Boolean).join(' > '),
    version === undefined ? '' : `at ${version === -1 ? 'nil' : version}`,
    keptAt === undefined ? '' : `kept ${keptAt.toISOString().slice(0, 16).replace('T', ' ')}`,
    bytes(sizeBytes),
    connections > 0 ? plural(connections, 'connection') : '',
    server,
  ])
  context.print(
    all.length === 0 ? 'No test database is kept.' : columns(rows),
    all.map(({ url: _, ...database }) => database),
  )
  return 0
}

/**
 * Opens a kept database with psql or mysql, if that is installed and a person uses the terminal. Otherwise prints the
 * URL.
 */
function open(context: Context, all: readonly KeptDatabase[], name: string | undefined): number {
  const found = findKept(all, name)
  const interactive = process.stdin.isTTY && process.stdout.isTTY && !context.options.json
  const client = interactive ? clientFor(found.url) : undefined
  if (client) {
    const [program, args, env] = client
    return spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1
  }
  context.print(found.url, { name: found.name, url: found.url })
  return 0
}

/**
 * Returns the database's own client, if it is installed. The password goes into the environment, since every user can
 * list arguments.
 */
function clientFor(url: string): [program: string, args: string[], env: NodeJS.ProcessEnv] | undefined {
  const isThere = (program: string) => spawnSync(program, ['--version']).status === 0
  if (/^postgres/.test(url)) return isThere('psql') ? ['psql', [url], {}] : undefined
  const program = ['mysql', 'mariadb'].find(isThere)
  if (!program) return undefined
  const { hostname, port, username, password, pathname } = new URL(url)
  const args = [`--host=${hostname}`, `--port=${port}`, `--user=${decodeURIComponent(username)}`, pathname.slice(1)]
  return [program, args, { MYSQL_PWD: decodeURIComponent(password) }]
}

async function gc(context: Context, all: readonly KeptDatabase[]): Promise<number> {
  const free = all.filter(({ connections }) => connections === 0)
  await removeKept(free)
  const left = all.length - free.length
  const spared = left > 0 ? ` ${plural(left, 'is', 'are')} in use and ${left === 1 ? 'was' : 'were'} kept.` : ''
  context.print(`Removed ${plural(free.length, 'database')}.${spared}`, { removed: free.map(({ name }) => name) })
  return 0
}
