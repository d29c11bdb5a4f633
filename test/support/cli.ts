/** The command as it is typed. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inject, onTestFinished } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')

/** The bundled command. */
export const program = join(ROOT, inject('product'), 'main.js')

/** `bundle` puts together the modules of the package, which the bundled command has only where the package was built. */
const SOURCE = join(ROOT, 'src', 'cli', 'main.ts')

const SHOP = {
  '0001_users.up.sql': 'create table users (id int)',
  '0001_users.down.sql': 'drop table users',
  '0002_orders.up.sql': 'create table orders (id int)',
  '0002_orders.down.sql': 'drop table orders',
}

/** A folder of files, gone with the test; default: two migrations. */
export function folder(files: Readonly<Record<string, string>> = SHOP): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'migratest-cli-')))
  onTestFinished(() => rmSync(path, { recursive: true }))
  for (const [name, text] of Object.entries(files)) write(path, name, text)
  return path
}

/** A file in it, with the folders that it needs. */
export function write(path: string, name: string, text: string): void {
  mkdirSync(dirname(join(path, name)), { recursive: true })
  writeFileSync(join(path, name), text)
}

/** Runs the command and waits. */
export function cli(args: readonly string[], env: Record<string, string> = {}, cwd?: string) {
  const start = args[0] === 'bundle' ? SOURCE : program
  const { stdout, stderr, status } = spawnSync(process.execPath, [start, ...args], {
    encoding: 'utf8',
    cwd,
    env: {
      ...process.env,
      DATABASE_URL: undefined,
      NODE_ENV: undefined,
      FORCE_COLOR: undefined,
      ...env,
    } as NodeJS.ProcessEnv,
  })
  return { out: stdout, err: stderr, code: status }
}

/** The same beside this process, so that something here can answer it. */
export function cliBeside(args: readonly string[]): Promise<{ out: string; err: string; code: number }> {
  const { DATABASE_URL: _, NODE_ENV: __, ...env } = process.env
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { env: env as NodeJS.ProcessEnv }, (_, out, err) =>
      resolve({ out, err, code: child.exitCode ?? -1 }),
    )
  })
}
