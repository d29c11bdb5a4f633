import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'
import { nextNumber, titleOf } from '../numbering.ts'

export async function run(context: Context, args: readonly string[]): Promise<number> {
  const title = titleOf(args)
  if (!title) throw new UsageError('What is it called? For example: migratest new add_users')
  const { folder } = context
  mkdirSync(folder, { recursive: true })
  const number = await nextNumber(context, folder)
  const endings = context.options.ts ? ['ts'] : ['up.sql', 'down.sql']
  const files = endings.map((ending) => join(folder, `${number}_${title}.${ending}`))
  for (const file of files) if (existsSync(file)) throw new UsageError(`${file} is there already.`)
  for (const file of files) writeFileSync(file, context.options.ts ? TYPESCRIPT : '', { flag: 'wx' })
  context.print(files.join('\n'), { files })
  return 0
}

// --- internal ---

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
