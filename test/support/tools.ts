/** The tools in `test/tools`, whose opinion of a folder and of a database the tests of `test/formats` ask. */
import { execFile } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe } from 'vitest'

const PACKAGES = join(import.meta.dirname, '..', 'tools', 'node_modules')
const require = createRequire(join(PACKAGES, 'none.js'))

/** A specification that asks a tool. Without the tool it is skipped, visibly; in CI it fails. */
export function describeWithTool(packages: readonly string[], name: string, specification: () => void): void {
  const isInstalled = packages.every((one) => existsSync(join(PACKAGES, one)))
  if (isInstalled || process.env.CI === 'true') describe(name, specification)
  else describe.skip(`${name} (not installed: npm ci --prefix test/tools)`, specification)
}

/** Loads a module of a tool. The caller says what it uses of it: `tsc` must pass without the tools. */
export function tool<Module>(specifier: string): Module {
  return require(specifier)
}

/** Returns the path of a tool's file, also of one that its package does not export. */
export function toolFile(path: string): string {
  return join(PACKAGES, path)
}

/** Lets the files in a folder import the tools, as if they were installed beside it. */
export function linkTools(folder: string): void {
  symlinkSync(PACKAGES, join(folder, 'node_modules'), 'junction')
}

/** What the tools take of `pg`. */
export interface ToolPool {
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>
  end(): Promise<void>
}

/** Lets a tool work with a pool of its own `pg`, of one connection, which is closed afterwards. */
export async function withPool<T>(url: string, work: (pool: ToolPool) => Promise<T>): Promise<T> {
  const { Pool } = tool<{ Pool: new (options: object) => ToolPool }>('pg')
  const pool = new Pool({ connectionString: url, max: 1 })
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}

/** Runs a tool's command in a process of its own. */
export function run(
  program: string,
  args: readonly string[],
  { env, cwd }: { env: Readonly<Record<string, string>>; cwd?: string },
): Promise<{ readonly printed: string; readonly code: number }> {
  const options = { env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }) }
  return new Promise((resolve) => {
    const child = execFile(program, args, options, (_, out, err) =>
      resolve({ printed: `${out}${err}`, code: child.exitCode ?? -1 }),
    )
  })
}
