/** Reads the text of a wanted schema: SQL files, or what a command prints. */
import { spawn } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { UsageError } from '../../migrate/errors.ts'
import { WantedCommandError } from '../errors.ts'
import type { WantedText } from './wanted.ts'

/** Where the text of a wanted schema is. Paths are relative to the working directory. */
export type WantedFrom =
  | { readonly paths: readonly string[] }
  /** `inputs`: files and folders on which the output depends, for a watch. */
  | { readonly command: string; readonly cwd: string; readonly inputs: readonly string[] }

/** Where a wanted schema is, as the configuration says it: SQL files or folders of them, or a command that prints SQL. */
export type WantedSetting =
  | string
  | readonly string[]
  | { readonly command: string; readonly inputs?: string | readonly string[] }

/**
 * Returns where the setting points to.
 * @param cwd the folder that a command runs in
 * @param path makes a path of the setting one that is relative to the working directory
 */
export function wantedFrom(setting: WantedSetting, cwd: string, path: (written: string) => string): WantedFrom {
  if (typeof setting === 'object' && 'command' in setting) {
    return { command: setting.command, cwd, inputs: [setting.inputs ?? []].flat().map(path) }
  }
  return { paths: [setting].flat().map(path) }
}

/** The wanted schema as SQL. `partial`: see `Wanted` in `generate.ts`. */
export interface WantedSql {
  readonly sql: readonly WantedText[]
  readonly partial?: boolean
}

/** @throws UsageError if there is no such file, WantedCommandError */
export async function readWantedFrom(from: WantedFrom): Promise<WantedSql> {
  if ('command' in from) return { sql: [await printedBy(from.command, from.cwd)], partial: true }
  return { sql: (await Promise.all(from.paths.map(textsAt))).flat() }
}

/** Returns the SQL files that a path means: a file, all files of a folder, or those that a pattern fits. */
export function sqlFilesAt(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory()) return globSync(join(path, '**/*.sql')).sort()
  return stat ? [path] : globSync(path).sort()
}

// --- internal ---

async function textsAt(path: string): Promise<WantedText[]> {
  if (path === '-') return [{ name: 'standard input', sql: await text(process.stdin) }]
  const files = sqlFilesAt(path)
  if (files.length === 0) throw new UsageError(`${path}: there is no such SQL file.`)
  return files.map((file) => ({ name: file, sql: readFileSync(file, 'utf8').replace(/^\uFEFF/, '') }))
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
