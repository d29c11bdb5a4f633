import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'
import { nextNumber, oneAtATime, titleOf } from '../numbering.ts'

export async function run(context: Context, args: readonly string[]): Promise<number> {
  const title = titleOf(args)
  if (!title) throw new UsageError('What is the migration called? For example: migratest new add_users')
  const { folder } = context
  const source = await context.source()
  if (source.newFiles) return oneAtATime(folder, () => writeOther(context, folder, title))
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

/** Writes a migration in the format of another tool. A journal is replaced; no other file may be there already. */
async function writeOther(context: Context, folder: string, title: string): Promise<number> {
  if (context.options.ts) throw new UsageError(`--ts: ${folder} is a folder of another tool, whose migrations are SQL.`)
  const source = await context.source()
  const { contents, replaces } = (await source.newFiles?.(title, new Date())) ?? { contents: {}, replaces: [] }
  const files = Object.entries(contents).map(([path, content]) => ({ path, content, file: join(folder, path) }))
  const there = files.find(({ path, file }) => existsSync(file) && !replaces.includes(path))
  if (there) throw new UsageError(`${there.file} already exists.`)
  for (const { file, content } of files) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  context.print(files.map(({ file }) => file).join('\n'), { files: files.map(({ file }) => file) })
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
