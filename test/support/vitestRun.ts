/** Runs test files as a user's project would, in a vitest of their own, and tells what it reported. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { inject } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')

/** Vitest by major version: where it is installed. */
const VITESTS = { 5: ROOT, 4: join(ROOT, 'test', 'vitest-4'), 3: join(ROOT, 'test', 'vitest-3') } as const
export type VitestMajor = keyof typeof VITESTS

type Tests = Readonly<Record<string, { readonly status: string; readonly messages: readonly string[] }>>

export interface Outcome {
  /** By full name; those of several files may not have the same. */
  readonly tests: Tests
  /** The tests of one file, by full name. */
  inFile(file: string): Tests
  /** What a person saw, without colours. */
  readonly screen: string
  readonly exitCode: number | null
}

export function isInstalled(major: VitestMajor): boolean {
  return existsSync(join(VITESTS[major], 'node_modules', 'vitest'))
}

/** Vitest's own five seconds are few on a machine that also runs other tests. */
const PATIENT = { testTimeout: 60_000 }

/** The bundled package's files, by the names that a project imports. */
const ALIASES = {
  'migratest/contract': 'contract.js',
  'migratest/vitest/plugin': 'vitest-plugin.js',
  'migratest/vitest': 'vitest.js',
  'migratest/presets/postgres': 'postgres.js',
  'migratest/presets/pglite': 'pglite.js',
  'migratest/presets/mysql': 'mysql.js',
  'migratest/presets/mariadb': 'mariadb.js',
  'migratest/sources': 'sources.js',
  migratest: 'index.js',
}

/**
 * @param files the project; a `reporter.mjs` among them is used beside our own reporters
 * @param config further lines of the configuration's `test: { … }`
 */
export async function runVitest(
  files: Readonly<Record<string, string>>,
  config = '',
  major: VitestMajor = 5,
  plugin?: string,
): Promise<Outcome> {
  const project = writeProject(files, config, major, plugin)
  try {
    const own = 'reporter.mjs' in files ? ['--reporter=./reporter.mjs'] : []
    const args = ['run', '--reporter=default', '--reporter=json', '--outputFile.json=report.json', ...own]
    const { screen, exitCode } = await run([...project.program, ...args], project.root)
    const report = readReport(project.root)
    return {
      tests: Object.assign({}, ...report.values()),
      inFile: (file) => report.get(file) ?? {},
      screen: screen.replaceAll(`${project.root}/`, ''),
      exitCode,
    }
  } finally {
    rmSync(project.root, { recursive: true, force: true })
  }
}

export interface Watching {
  readonly root: string
  /** What was printed since the last call that gave something; waits until it matches. */
  until(pattern: RegExp): Promise<string>
  write(name: string, text: string): void
  stop(): Promise<void>
}

/** `vitest watch`, with the plugin where `plugin` says what it is called with. */
export async function watchVitest(
  files: Readonly<Record<string, string>>,
  { plugin, major = 5 }: { plugin: string; major?: VitestMajor },
): Promise<Watching> {
  const { root, program } = writeProject(files, '', major, plugin)
  const child = spawn(process.execPath, [...program, 'watch', '--reporter=verbose'], {
    cwd: root,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let unread = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => (unread += stripVTControlCharacters(String(text))))
  return {
    root,
    async until(pattern) {
      const deadline = Date.now() + 60_000
      for (;;) {
        const found = pattern.exec(unread)
        if (found) {
          const text = unread.slice(0, found.index + found[0].length)
          unread = unread.slice(text.length)
          return text
        }
        if (Date.now() > deadline || child.exitCode !== null) throw new Error(`no ${pattern} in:\n${unread}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    write: (name, text) => writeFileSync(join(root, name), text),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      rmSync(root, { recursive: true, force: true })
    },
  }
}

function writeProject(files: Readonly<Record<string, string>>, config: string, major: VitestMajor, plugin?: string) {
  const home = VITESTS[major]
  mkdirSync(join(home, '.runs'), { recursive: true })
  const root = mkdtempSync(join(home, '.runs', 'run-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  const product = join(home, inject('product'))
  const alias = Object.entries(ALIASES).map(([find, file]) => ({ find, replacement: join(product, file) }))
  const [imports, plugins] =
    plugin === undefined
      ? ['', '']
      : [
          `import { migratest } from ${JSON.stringify(join(product, ALIASES['migratest/vitest/plugin']))}
           import { postgres } from ${JSON.stringify(join(product, ALIASES['migratest/presets/postgres']))}\n`,
          `plugins: [migratest(${plugin})], `,
        ]
  writeFileSync(
    join(root, 'vitest.config.ts'),
    `${imports}export default { ${plugins}resolve: { alias: ${JSON.stringify(alias)} }, test: { ...${JSON.stringify(PATIENT)}, include: ['**/*.test.ts'], pool: 'forks', ${config} } }`,
  )
  return { root, program: [join(home, 'node_modules', 'vitest', 'vitest.mjs'), '--root', root] }
}

interface Report {
  readonly testResults: {
    readonly name: string
    readonly assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
  }[]
}

/** Reads the tests of each file, by its path in the project. */
function readReport(root: string): Map<string, Tests> {
  const path = join(root, 'report.json')
  if (!existsSync(path)) return new Map()
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report
  return new Map(
    testResults.map(({ name, assertionResults }) => [
      relative(root, name),
      Object.fromEntries(
        assertionResults.map((t) => [
          t.fullName,
          { status: t.status, messages: t.failureMessages.map(stripVTControlCharacters) },
        ]),
      ),
    ]),
  )
}

function run(args: string[], cwd: string): Promise<{ screen: string; exitCode: number | null }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let screen = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (screen += stripVTControlCharacters(String(text))))
    child.on('close', (exitCode) => resolve({ screen, exitCode }))
  })
}

function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    FORCE_COLOR: '0',
    VITEST: undefined,
    VITEST_POOL_ID: undefined,
    VITEST_WORKER_ID: undefined,
    NODE_ENV: undefined,
  } as NodeJS.ProcessEnv
}
