import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GraphError, UsageError } from '../../migrate/errors.ts'
import { readGraph } from '../../migrate/plan/readGraph.ts'
import { labelOf } from '../../migrate/version.ts'
import { directory } from '../../source/directory.ts'
import { inDirective } from '../../sql/script.ts'
import type { Context } from '../context.ts'
import { nextNumber, numberingOf, titleOf } from '../numbering.ts'
import { refuseOtherTools } from '../otherTools.ts'

/** Writes the migration that follows all heads. It contains no SQL, so it needs no down. */
export async function run(context: Context, args: readonly string[]): Promise<number> {
  const { folder } = context
  await refuseOtherTools(context, 'merge')
  const { graph } = await readGraph(directory(folder))
  if (graph.problems.length > 0) throw new GraphError(graph.problems)
  const heads = graph.nodes.filter(({ version }) => graph.heads.includes(version)).map(labelOf)
  if (heads.length < 2) {
    context.print(
      `Nothing to merge: ${heads.length === 0 ? 'there are no migrations' : `${heads[0]} is the only head`}.`,
      { files: [], heads },
    )
    return 0
  }
  const title = titleOf(args) || 'merge'
  const file = join(folder, `${await nextNumber(numberingOf(context))}_${title}.up.sql`)
  if (existsSync(file)) throw new UsageError(`${file} already exists.`)
  writeFileSync(file, `-- migrate: depends-on ${heads.map(inDirective).join(', ')}\n`, { flag: 'wx' })
  context.print(`${file} follows ${heads.join(' and ')}`, { files: [file], heads })
  return 0
}
