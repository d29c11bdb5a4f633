import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { UsageError } from '../../migrate/errors.ts'
import { findProjectFolder } from '../../source/project.ts'
import { findConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { plural } from '../render.ts'

/** Folders in which projects usually keep migrations, most common first. */
const USUAL = [
  'migrations',
  'db/migrations',
  'database/migrations',
  'sql/migrations',
  'src/migrations',
  'src/db/migrations',
]

export function run(context: Context): number {
  const there = findConfig()
  if (there !== undefined) throw new UsageError(`${there} already exists.`)
  // The folder that a tool's own configuration names comes first.
  const folder =
    context.options.path ?? findProjectFolder(process.cwd())?.path ?? USUAL.find(holdsMigrations) ?? 'migrations'
  const before = existsSync(folder) ? readdirSync(folder).length : 0
  mkdirSync(folder, { recursive: true })
  const name = isModulePackage() ? 'migratest.config.ts' : 'migratest.config.mts'
  writeFileSync(name, configText(folder), { flag: 'wx' })
  const next =
    before === 0
      ? ['migratest new create_users', 'migratest up --database postgres://user@localhost:5432/shop']
      : ['migratest verify', 'migratest status --database postgres://user@localhost:5432/shop']
  const about = before === 0 ? `${folder}/ is empty` : `${folder}/ has ${plural(before, 'file')}`
  context.print([`Wrote ${name}; ${about}.`, '', 'Next:', ...next.map((line) => `  npx ${line}`)].join('\n'), {
    config: name,
    migrations: folder,
  })
  return 0
}

/**
 * Returns `true` if the package has "type": "module". Only then is a .ts file an ES module without being named .mts.
 */
function isModulePackage(): boolean {
  try {
    return (JSON.parse(readFileSync('package.json', 'utf8')) as { type?: string }).type === 'module'
  } catch {
    return false
  }
}

function quoted(text: string): string {
  return /['\\]/.test(text) ? JSON.stringify(text) : `'${text}'`
}

function holdsMigrations(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => /^\d+_.*\.(?:up|down)\.sql$/.test(name))
}

function configText(folder: string): string {
  return `import type { Config } from 'migratest'

export default {
  // The database: --database, or the environment's DATABASE_URL.
  migrations: ${quoted(folder)},
} satisfies Config
`
}
