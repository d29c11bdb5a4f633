import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import { newFilesIn } from '../../source/open.ts'
import type { Context } from '../context.ts'
import { nextNumber, oneAtATime, titleOf } from '../numbering.ts'

export async function run(context: Context, args: readonly string[]): Promise<number> {
  const title = titleOf(args)
  if (!title) throw new UsageError('What is the migration called? For example: migratest new add_users')
  const { folder } = context
  const other = await newFilesIn(folder, title, new Date())
  if (other) return writeOther(context, folder, other)
  mkdirSync(folder, { recursive: true })
  const endings = context.options.ts ? ['ts'] : ['up.sql', 'down.sql']
  const files = await oneAtATime(folder, async () => {
    const number = await nextNumber(context, folder)
    const names = endings.map((ending) => join(folder, `${number}_${title}.${ending}`))
    for (const file of names) if (existsSync(file)) throw new UsageError(`${file} already exists.`)
    for (const file of names) writeFileSync(file, context.options.ts ? TYPESCRIPT : '', { flag: 'wx' })
    return names
  })
  context.print(files.join('\n'), { files })
  return 0
}

// --- internal ---

/** Writes a migration in the format of another tool. A journal is replaced; any other file must not exist yet. */
function writeOther(context: Context, folder: string, contents: Readonly<Record<string, string>>): number {
  if (context.options.ts) throw new UsageError(`--ts: ${folder} is a folder of another tool, whose migrations are SQL.`)
  const paths = Object.keys(contents).map((path) => join(folder, path))
  for (const [path, content] of Object.entries(contents)) {
    const file = join(folder, path)
    if (existsSync(file) && content === '') throw new UsageError(`${file} already exists.`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  context.print(paths.join('\n'), { files: paths })
  return 0
}

const TYPESCRIPT = `import { defineMigration } from 'migratest'

export default defineMigration({
  async up({ sql }) {
    await sql('')
  },
  async down({ sql }) {
    await sql('')
  },
})
`
