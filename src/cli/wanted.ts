/** Reads the wanted schema that options or the configuration name: files, a database, or what a command prints. */
import { spawn } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { WantedCommandError } from '../generate/errors.ts'
import type { Wanted } from '../generate/generate.ts'
import type { WantedText } from '../generate/wanted.ts'
import { UsageError } from '../migrate/errors.ts'
import { fromConfig } from './config.ts'
import type { Context } from './context.ts'

/** @throws UsageError if nothing says what is wanted, or several options do; WantedCommandError */
export async function wantedOf(context: Context): Promise<Wanted> {
  const found = await namedWanted(context)
  if (found) return found
  throw new UsageError('Which schema is wanted? Nothing says it.', {
    hint: "Give --schema FILE, --from-database URL or --from-command 'npx drizzle-kit export', or set wanted in migratest.config.ts.",
  })
}

/** Returns `undefined` if nothing says what is wanted. @param configured `false`: only options count */
export async function namedWanted(context: Context, configured = true): Promise<Wanted | undefined> {
  const { schema, 'from-database': url, 'from-command': command } = context.options
  if ([schema, url, command].filter((option) => option !== undefined).length > 1) {
    throw new UsageError('--schema, --from-database and --from-command exclude each other.')
  }
  if (schema) return { sql: (await Promise.all(schema.map((path) => textsAt(path)))).flat() }
  if (url !== undefined) return { schema: await schemaAt(context, url) }
  if (command !== undefined) return { sql: [await printedBy(command, process.cwd())], partial: true }
  const { wanted } = context.config
  if (!configured || wanted === undefined) return undefined
  if (typeof wanted === 'object' && 'command' in wanted) {
    return { sql: [await printedBy(wanted.command, context.found.folder)], partial: true }
  }
  const paths = typeof wanted === 'string' ? [wanted] : wanted
  return { sql: (await Promise.all(paths.map((path) => textsAt(fromConfig(context.found, path))))).flat() }
}

// --- internal ---

/** Returns the SQL files of a path: a file, a folder with what is under it, a pattern, or standard input. */
async function textsAt(path: string): Promise<WantedText[]> {
  if (path === '-') return [{ name: 'standard input', sql: await text(process.stdin) }]
  const stat = statSync(path, { throwIfNoEntry: false })
  const files = stat?.isDirectory() ? globSync(join(path, '**/*.sql')).sort() : stat ? [path] : globSync(path).sort()
  if (files.length === 0) throw new UsageError(`${path}: there is no such SQL file.`)
  return files.map((file) => ({ name: file, sql: readFileSync(file, 'utf8') }))
}

async function schemaAt(context: Context, url: string) {
  const { openSchemaReader } = await import('../database/open.ts')
  const reader = await openSchemaReader(url, await context.openOptions())
  try {
    context.answeredBy(await reader.server?.())
    return await reader.read()
  } finally {
    await reader.close()
  }
}

async function printedBy(command: string, cwd: string): Promise<WantedText> {
  const child = spawn(command, { shell: true, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const [sql, errors, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    }),
  ])
  if (code !== 0) {
    const last = errors.trim().split('\n').slice(-10).join('\n')
    throw new WantedCommandError(`"${command}" ended with exit code ${code}.${last ? `\n\n${last}` : ''}`)
  }
  return { name: `the output of "${command}"`, sql }
}
