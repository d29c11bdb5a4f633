import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import { directory } from '../../source/directory.ts'
import type { Context } from '../context.ts'

/** Numbers go on where the folder ends, with as many digits; an empty folder begins with 0001. */
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
  const last = (await directory(folder).list()).at(-1)
  const number = context.options.timestamp ? timestamp() : next(last?.version, last?.up ?? last?.down)
  const files = (['up', 'down'] as const).map((half) => join(folder, `${number}_${title}.${half}.sql`))
  for (const file of files) {
    if (existsSync(file)) throw new UsageError(`${file} is there already.`)
    writeFileSync(file, '')
  }
  context.print(files.join('\n'), { files })
  return 0
}

function next(version: number | undefined, file: string | undefined): string {
  if (version === undefined) return '0001'
  const digits = /(\d+)_[^/\\]*$/.exec(file ?? '')?.[1]?.length ?? 1
  return String(version + 1).padStart(digits, '0')
}

function timestamp(): string {
  return new Date().toISOString().replace(/\D/g, '').slice(0, 14)
}
