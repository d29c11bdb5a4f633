import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { UsageError } from '../../migrate/errors.ts'
import type { Context } from '../context.ts'

/** Where projects keep them, most usual first. */
const USUAL = [
  'migrations',
  'db/migrations',
  'database/migrations',
  'sql/migrations',
  'src/migrations',
  'src/db/migrations',
]

const CONFIG = 'migratest.config.ts'

export function run(context: Context): number {
  if (context.found.file !== undefined) throw new UsageError(`${context.found.file} is there already.`)
  const folder = context.options.path ?? USUAL.find(holdsMigrations) ?? 'migrations'
  const before = existsSync(folder) ? readdirSync(folder).length : 0
  mkdirSync(folder, { recursive: true })
  writeFileSync(CONFIG, configText(folder), { flag: 'wx' })
  const next =
    before === 0
      ? ['migratest new create_users', 'migratest up --database postgres://user@localhost:5432/shop']
      : ['migratest verify', 'migratest status --database postgres://user@localhost:5432/shop']
  const about = before === 0 ? `${folder}/ is empty` : `${folder}/ has ${before} files`
  context.print([`Wrote ${CONFIG}; ${about}.`, '', 'Next:', ...next.map((line) => `  npx ${line}`)].join('\n'), {
    config: CONFIG,
    migrations: folder,
  })
  return 0
}

function holdsMigrations(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => /^\d+_.*\.(?:up|down)\.sql$/.test(name))
}

function configText(folder: string): string {
  return `import type { Config } from 'migratest'

export default {
  // The database: --database, or the environment's DATABASE_URL.
  migrations: ${JSON.stringify(folder).replaceAll('"', "'")},
} satisfies Config
`
}
