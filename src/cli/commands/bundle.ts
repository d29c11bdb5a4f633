import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { bundle } from '../bundle.ts'
import type { CommandTable } from '../commandTable.ts'
import type { Context } from '../context.ts'
import { bytes, plural } from '../render.ts'

export async function run(context: Context, _: readonly string[], commands: CommandTable): Promise<number> {
  const { output = 'migrate.mjs' } = context.options
  const source = await context.source()
  const migrations = await source.list()
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
