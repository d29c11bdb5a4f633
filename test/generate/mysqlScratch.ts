/** Databases of MySQL and MariaDB on which pairs of schemas are tried. */
import type { Connection } from 'mysql2/promise'
import { type Attempts, onCopies, type Scratch } from '../../src/generate/attempts.ts'
import { type Answers, NO_ANSWERS, type Rename } from '../../src/generate/hints.ts'
import { cutStatements } from '../../src/sql/statements.ts'
import type { TestServer } from '../../src/testing/testServer.ts'

export interface Trial extends Scratch {
  /** Returns SHOW CREATE of each table and view, without the reader: spelling of character sets apart. */
  shown(): Promise<string[]>
}

/** A database with these statements run, which the caller disposes of. */
export async function trial(server: TestServer<Connection>, ...scripts: readonly string[]): Promise<Trial> {
  const database = await server.create()
  const client = await database.connect()
  const run = async (sql: string) => {
    for (const { start, end } of cutStatements(sql, 'mysql').statements)
      await database.query(client, sql.slice(start, end))
  }
  const dispose = async () => {
    await database.disconnect(client)
    await database.drop()
  }
  try {
    for (const script of scripts) await run(script)
  } catch (error) {
    await dispose()
    throw error
  }
  const rows = (sql: string) => database.query(client, sql)
  return {
    run,
    rows,
    schema: () => database.readSchema(),
    dispose,
    async shown() {
      const texts: string[] = []
      for (const row of await rows('SHOW FULL TABLES')) {
        const [name, type] = Object.values(row).map(String) as [string, string]
        const kind = type === 'VIEW' ? 'VIEW' : 'TABLE'
        const [made] = await rows(`SHOW CREATE ${kind} \`${name.replaceAll('`', '``')}\``)
        texts.push(comparable(String(Object.values(made ?? {})[1]).replaceAll(database.name, 'db')))
      }
      return texts.sort()
    },
  }
}

/** Databases at the same state, as many as the search for statements needs. */
export function trials(server: TestServer<Connection>, ...scripts: readonly string[]): Attempts {
  return onCopies(() => trial(server, ...scripts))
}

/** @param renames as `KIND OLD = NEW` */
export function answersOf(
  renames: readonly string[],
  { fill = {}, map = {}, using = {} }: Partial<Record<'fill' | 'map' | 'using', Readonly<Record<string, string>>>>,
): Answers {
  return {
    ...NO_ANSWERS,
    renames: renames.map(renameOf),
    fill: new Map(Object.entries(fill)),
    map: new Map(Object.entries(map)),
    using: new Map(Object.entries(using)),
  }
}

/** The renames of the way back. */
export function reversed({ renames }: Answers): Rename[] {
  return renames.map(({ kind, old, new: now }) => ({ kind, old: now, new: old })).reverse()
}

// --- internal ---

function renameOf(text: string): Rename {
  const [, kind = '', old = '', now = ''] = /^(\w+) (.*) = (.*)$/.exec(text) ?? []
  return { kind, old, new: now }
}

/** The order of keys and checks says nothing, nor whether a character set is said twice, nor -(1) instead of -1. */
function comparable(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/,$/, ''))
  const columns = lines.filter((line) => line.startsWith('  `'))
  const end = lines.findIndex((line) => line.startsWith(')'))
  const rest = lines.slice(1, end).filter((line) => !line.startsWith('  `'))
  return [lines[0], ...columns, ...rest.sort(), ...lines.slice(end)]
    .join('\n')
    .replace(/ AUTO_INCREMENT=\d+/, '')
    .replace(/-\((\d+)\)/g, '-$1')
    .replace(/ CHARACTER SET \w+ COLLATE \w+| COLLATE \w+(?! COMMENT=|\n\)|$)/g, '')
}
