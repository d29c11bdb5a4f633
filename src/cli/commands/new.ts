import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'
import { nextNumber, oneAtATime, titleOf } from '../numbering.ts'

export async function run(context: Context, args: readonly string[]): Promise<number> {
  const title = titleOf(args)
  if (!title) throw new UsageError('What is the migration called? For example: migratest new add_users')
  const { folder } = context
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
