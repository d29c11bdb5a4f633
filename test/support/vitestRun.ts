/** Runs test files as a user's project would, in a vitest of their own, and tells what it reported. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..')

/** Vitest by major version: where it is installed. */
const VITESTS = { 5: ROOT, 4: join(ROOT, 'test', 'vitest-4') } as const
export type VitestMajor = keyof typeof VITESTS

export interface Outcome {
  /** By full name. */
  readonly tests: Readonly<Record<string, { readonly status: string; readonly messages: readonly string[] }>>
  /** What a person saw, without colours. */
  readonly screen: string
  readonly exitCode: number | null
}

export function isInstalled(major: VitestMajor): boolean {
  return existsSync(join(VITESTS[major], 'node_modules', 'vitest'))
}

const ALIASES = {
  'migratest/contract': 'src/migrate/contract/index.ts',
  'migratest/vitest/plugin': 'presets/vitestPlugin.ts',
  'migratest/vitest': 'fixtures/vitest.ts',
  'migratest/presets/postgres': 'presets/postgres.ts',
  'migratest/presets/pglite': 'presets/pglite.ts',
  migratest: 'index.ts',
}

/** @param config further lines of the configuration's `test: { … }` */
export async function runVitest(
  files: Readonly<Record<string, string>>,
  config = '',
  major: VitestMajor = 5,
): Promise<Outcome> {
  const home = VITESTS[major]
  mkdirSync(join(home, '.runs'), { recursive: true })
  const root = mkdtempSync(join(home, '.runs', 'run-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, name, '..'), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    const alias = Object.entries(ALIASES).map(([find, file]) => ({ find, replacement: join(ROOT, file) }))
    writeFileSync(
      join(root, 'vitest.config.ts'),
      `export default { resolve: { alias: ${JSON.stringify(alias)} }, test: { include: ['**/*.test.ts'], pool: 'forks', ${config} } }`,
    )
    const program = join(home, 'node_modules', 'vitest', 'vitest.mjs')
    const args = [
      program,
      'run',
      '--root',
      root,
      '--reporter=default',
      '--reporter=json',
      '--outputFile.json=report.json',
    ]
    const { screen, exitCode } = await run(args, root)
    return { tests: readReport(join(root, 'report.json')), screen: screen.replaceAll(`${root}/`, ''), exitCode }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

interface Report {
  readonly testResults: { assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[]
}

function readReport(path: string): Outcome['tests'] {
  if (!existsSync(path)) return {}
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report
  const all = testResults.flatMap((file) => file.assertionResults)
  return Object.fromEntries(
    all.map((t) => [t.fullName, { status: t.status, messages: t.failureMessages.map(stripVTControlCharacters) }]),
  )
}

function run(args: string[], cwd: string): Promise<{ screen: string; exitCode: number | null }> {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      FORCE_COLOR: '0',
      VITEST: undefined,
      VITEST_POOL_ID: undefined,
      VITEST_WORKER_ID: undefined,
      NODE_ENV: undefined,
    }
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let screen = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (screen += stripVTControlCharacters(String(text))))
    child.on('close', (exitCode) => resolve({ screen, exitCode }))
  })
}
