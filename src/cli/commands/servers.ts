import { UsageError } from '../../migrate/errors.ts'
import { type FoundServer, listServers, stopKey } from '../../server/found.ts'
import type { Context } from '../context.ts'
import { columns, plural } from '../render.ts'

export async function run(context: Context, [action = 'list', key]: readonly string[]): Promise<number> {
  if (action === 'list') return list(context)
  if (action === 'stop') return stop(context, key)
  throw new UsageError(`Unknown action "${action}": use list or stop.`)
}

async function list(context: Context): Promise<number> {
  const servers = await listServers()
  const rows = servers.map(({ key, name, users, startedAt }) => [
    key,
    name,
    users === 0 ? 'not in use' : `used by ${plural(users, 'process', 'processes')}`,
    `since ${new Date(startedAt).toTimeString().slice(0, 5)}`,
  ])
  const text = servers.length === 0 ? 'No server started on demand is running.' : columns(rows)
  context.print(
    text,
    servers.map(({ key, name, users, startedAt }) => ({ key, name, users, startedAt })),
  )
  return 0
}

/** Stops the unused servers. With --all it stops every server; with a key, only that server, even if it is in use. */
async function stop(context: Context, key: string | undefined): Promise<number> {
  const servers = await listServers()
  const meant = key === undefined ? unused(servers, context.options.all ?? false) : [byKey(servers, key)]
  await Promise.all(meant.map((server) => stopKey(server.key)))
  const left = servers.length - meant.length
  const spared =
    left > 0 && key === undefined
      ? ` ${plural(left, 'is', 'are')} still in use; --all stops ${left === 1 ? 'it' : 'them'} too.`
      : ''
  context.print(`Stopped ${plural(meant.length, 'server')}.${spared}`, { stopped: meant.map((server) => server.key) })
  return 0
}

function unused(servers: readonly FoundServer[], all: boolean): readonly FoundServer[] {
  return servers.filter(({ users }) => all || users === 0)
}

/** Finds a server by its key or by the beginning of its key, if only one key begins so. */
function byKey(servers: readonly FoundServer[], key: string): FoundServer {
  const [found, another] = key === '' ? [] : servers.filter((server) => server.key.startsWith(key))
  if (!found) throw new UsageError(`There is no server "${key}".`)
  if (another) throw new UsageError(`More than one server's key begins with ${key}.`)
  return found
}
