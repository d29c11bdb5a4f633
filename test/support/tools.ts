/** The tools in `test/tools`, whose opinion of a folder and of a database the tests of `test/formats` ask. */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'

const PACKAGES = join(import.meta.dirname, '..', 'tools', 'node_modules')
const require = createRequire(join(PACKAGES, 'none.js'))

/** A specification that asks a tool. Without the tool it is skipped, visibly; in CI it fails. */
export function describeWithTool(packages: readonly string[], name: string, specification: () => void): void {
  const missing = missingTools(packages)
  if (missing) describe.skip(`${name} (${missing})`, specification)
  else describe(name, specification)
}

/** Returns why a test that needs these packages is skipped; undefined if it is not, as in CI, where it fails without them. */
export function missingTools(packages: readonly string[]): string | undefined {
  const isInstalled = packages.every((one) => existsSync(join(PACKAGES, one)))
  return isInstalled || process.env.CI === 'true' ? undefined : 'not installed: npm ci --prefix test/tools'
}

/** Loads a module of a tool. The caller says what it uses of it: `tsc` must pass without the tools. */
export function tool<Module>(specifier: string): Module {
  return require(specifier)
}

/** Returns the path of a tool's file, also of one that its package does not export. */
export function toolFile(path: string): string {
  return join(PACKAGES, path)
}

/** Installs the tools' packages in a folder, as a project that uses them has. Returns the folder. */
export function withTools(folder: string): string {
  const link = join(folder, 'node_modules')
  if (!existsSync(link)) symlinkSync(PACKAGES, link, 'junction')
  return folder
}

/** The part of a pool of `pg` that the tools use. */
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

/**
 * Runs a program for all tests of a file, for a tool that is slow to start. The program sends `{}` when it is ready. The
 * returned function sends it a message, which it answers with `{ printed }` or `{ error }`, and returns what was printed.
 */
export function resident(
  program: string,
  { env, execArgv }: { readonly env: Readonly<Record<string, string>>; readonly execArgv: readonly string[] },
): (message: object) => Promise<string> {
  let running: ChildProcess | undefined
  let printed = ''
  const start = () => {
    const folder = withTools(mkdtempSync(join(tmpdir(), 'migratest-tool-')))
    const file = join(folder, 'start.mjs')
    writeFileSync(file, program)
    const child = fork(file, [], { execArgv: [...execArgv], env: { ...process.env, ...env }, silent: true })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (printed += text))
    child.once('exit', () => {
      running = undefined
      rmSync(folder, { recursive: true })
    })
    return child
  }
  afterAll(async () => {
    if (running === undefined) return
    const ended = once(running, 'exit')
    running.kill()
    await ended
  })
  return async (message) => {
    printed = ''
    if (running === undefined) {
      running = start()
      await answerOf(running)
    }
    const answer = answerOf(running)
    running.send(message)
    return answer.catch((error) => {
      throw new Error(`${printed}${error.message}`)
    })
  }
}

/** Resolves to what the program says that it has printed. Rejects with the error that it sends, or if it ends. */
async function answerOf(child: ChildProcess): Promise<string> {
  const done = new AbortController()
  const first = Promise.race([
    once(child, 'message', done).then(([answer]) => answer as { readonly printed?: string; readonly error?: string }),
    once(child, 'exit', done).then(([code]) => ({ printed: '', error: `It ended with code ${code}.` })),
  ])
  const { printed = '', error } = await first.finally(() => done.abort())
  if (error !== undefined) throw new Error(error)
  return printed
}
