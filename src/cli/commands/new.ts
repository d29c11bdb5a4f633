import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'
import { newPlace, writeMigration } from '../newMigration.ts'
import { titleOf } from '../numbering.ts'

export async function run(context: Context, args: readonly string[]): Promise<number> {
  const title = titleOf(args)
  if (!title) throw new UsageError('What is the migration called? For example: migratest new add_users')
  const files = await writeMigration(
    await newPlace(context),
    title,
    context.options.ts ? { ts: TYPESCRIPT } : { up: '', down: '' },
  )
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
