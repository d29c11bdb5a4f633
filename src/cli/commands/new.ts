import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MigratestError, UsageError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { directory } from '../../source/directory.ts'
import { findGitBase } from '../../source/gitBase.ts'
import { gitRevision } from '../../source/gitRevision.ts'
import type { Context } from '../context.ts'

/**
 * Numbers go on where the folder and the branch to be merged into end, with as many digits, or by time where they did so
 * before; an empty folder begins with 0001.
 */
export async function run(context: Context, args: readonly string[]): Promise<number> {
  const title = args
    .join('_')
    .trim()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
  if (!title) throw new UsageError('What is it called? For example: migratest new add_users')
  const { folder } = context
  mkdirSync(folder, { recursive: true })
  const here = (await directory(folder).list()).at(-1)
  const there = (await onBase(context, folder))?.at(-1)
  const last = there && there.version > (here?.version ?? -1) ? there : here
  const number = next(last, context.options.timestamp ?? false)
  const files = (['up', 'down'] as const).map((half) => join(folder, `${number}_${title}.${half}.sql`))
  for (const file of files) if (existsSync(file)) throw new UsageError(`${file} is there already.`)
  for (const file of files) writeFileSync(file, '', { flag: 'wx' })
  context.print(files.join('\n'), { files })
  return 0
}

/** Undefined where there is no such branch, or nothing of ours on it. */
async function onBase({ options, config }: Context, folder: string): Promise<readonly Migration[] | undefined> {
  const base = options.base ?? config.base
  if (base === false) return undefined
  const found = findGitBase(folder, base)
  if (typeof found === 'string' || !found.present) return undefined
  try {
    return await gitRevision(found.revision, found).list()
  } catch (error) {
    if (options.base !== undefined || !(error instanceof MigratestError)) throw error
    return undefined
  }
}

function next(last: Migration | undefined, byTime: boolean): string {
  if (last === undefined) return byTime ? timestamp() : '0001'
  const digits = /(\d+)_[^/\\]*$/.exec(last.up ?? last.down ?? '')?.[1] ?? ''
  if (byTime || /^(?:19|20)\d{12}$/.test(digits)) return later(timestamp(), last.version)
  // Seconds since 1970, as some have it.
  if (/^1[5-9]\d{8}$/.test(digits)) return later(String(Math.floor(Date.now() / 1000)), last.version)
  return String(last.version + 1).padStart(digits.length, '0')
}

/** A clock that went back, or a colleague's that went ahead, must not put it before what is there. */
function later(number: string, last: number): string {
  return Number(number) > last ? number : String(last + 1)
}

function timestamp(): string {
  return new Date().toISOString().replace(/\D/g, '').slice(0, 14)
}
