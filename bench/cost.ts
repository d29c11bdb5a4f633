/** Counts the messages of each contender and its processor time on both sides. Both mean something on a busy machine, too. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { median } from './measure.ts'

/**
 * Runs contenders in turns and returns a table of what one run costs.
 * @param flag text in the command line of the server's process, which has to be on this machine (Linux)
 */
export async function costs(
  names: readonly string[],
  rounds: number,
  flag: string,
  run: (name: string) => Promise<void>,
): Promise<string> {
  const server = processWith(flag)
  const counted = countMessages()
  const all = new Map(names.map((name) => [name, [] as { server: number; ours: number; messages: number }[]]))
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const before = { server: spentBy(server), messages: counted.count, ours: process.cpuUsage() }
      await run(name)
      const { user, system } = process.cpuUsage(before.ours)
      const cost = {
        server: spentBy(server) - before.server,
        ours: (user + system) / 1000,
        messages: counted.count - before.messages,
      }
      // The first round loads the code.
      if (round > 0) all.get(name)?.push(cost)
    }
  }
  counted.stop()
  const rows = [...all].map(([name, some]) => {
    const of = (what: 'server' | 'ours' | 'messages') => median(some.map((cost) => cost[what]))
    return `| ${name} | ${of('messages')} | ${of('server').toFixed(0)} ms | ${of('ours').toFixed(0)} ms |`
  })
  return `| | messages | processor time of the server | of the client |\n|---|---|---|---|\n${rows.join('\n')}`
}

/** Returns the process id of the server on this machine (Linux) whose command line has this text. */
export function processWith(flag: string): string {
  for (const id of readdirSync('/proc')) {
    if (!/^\d+$/.test(id)) continue
    const command = readCommand(id)
    if (/^(?:mysqld|mariadbd)\0/.test(command) && command.includes(flag)) return id
  }
  throw new Error(`no server on this machine runs with ${flag}`)
}

/** Milliseconds that the living threads of a process have run. */
export function spentBy(id: string): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${id}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${id}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6
    } catch {
      // The process has ended already.
    }
  }
  return sum
}

// --- internal ---

function readCommand(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** Counts the messages that mysql2 sends, of each copy of it that contenders use. */
function countMessages(): { readonly count: number; stop(): void } {
  const counted = { count: 0, stop() {} }
  const copies = new Set(
    [import.meta.url, new URL('../dist/index.js', import.meta.url).href].map((from) =>
      createRequire(from).resolve('mysql2'),
    ),
  )
  const ends = [...copies].map((path) => {
    const { prototype } = createRequire(path)('./lib/base/connection.js') as {
      prototype: { addCommand(command: unknown): unknown }
    }
    const { addCommand } = prototype
    prototype.addCommand = function (command) {
      counted.count++
      return addCommand.call(this, command)
    }
    return () => {
      prototype.addCommand = addCommand
    }
  })
  counted.stop = () => {
    for (const end of ends) end()
  }
  return counted
}
