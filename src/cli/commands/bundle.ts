import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import { bundle } from '../bundle.ts'
import type { CommandTable } from '../commandTable.ts'
import type { Context } from '../context.ts'
import { bytes, plural } from '../render.ts'

export async function run(context: Context, _: readonly string[], commands: CommandTable): Promise<number> {
  const { output = 'migrate.mjs' } = context.options
  const source = await context.source()
  const migrations = await source.list()
  if (source.format) {
    throw new UsageError(`${source.name} is a folder of ${source.format.tool}, which cannot be bundled.`, {
      hint: `Deploy with ${source.format.tool} itself: its table says what is applied.`,
    })
  }
  context.busy('bundling')
  const code = await bundle({
    source,
    folder: resolve(context.folder),
    config: context.config,
    version: context.version,
    dialect: context.dialect,
    without: Object.keys(commands).filter((name) => commands[name]?.project),
  })
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, code)
  chmodSync(output, 0o755)
  const size = Buffer.byteLength(code)
  context.print(`${output}: ${plural(migrations.length, 'migration')} and the command, ${bytes(size)}`, {
    file: output,
    migrations: migrations.length,
    bytes: size,
  })
  return 0
}
