/**
 * Every snippet in the documents is run. A block of TypeScript or SQL whose first line names a file is that file; other
 * TypeScript is run as it stands, with what it uses imported. A `console` block is typed and its screen compared. A block of
 * `typescript` is not run: it shows a part of something that is not here, as a generated client.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, type RunnerTestSuite } from 'vitest'
import * as root from '../index.ts'
import { mysql } from '../presets/mysql.ts'
import * as sources from '../presets/sources.ts'
import { COMMANDS, findCommand } from '../src/cli/commands.ts'
import { parseOptions, refuseForeign } from '../src/cli/options.ts'
import { program } from './support/cli.ts'
import { test } from './support/database.ts'
import { mysqlScratch } from './support/mysqlDatabase.ts'
import { anyPostgres } from './support/servers.ts'
import { TOOL_PAGES } from './support/toolPages.ts'
import { missingTools, toolFile } from './support/tools.ts'
import { type Outcome, runVitest } from './support/vitestRun.ts'

const ROOT = join(import.meta.dirname, '..')

/** The page whose snippets have MySQL, and a bank's migrations. */
const MYSQL_PAGE = 'docs/mysql.md'

const SHOP = { migrations: 'examples/postgres/migrations' }

/** The folders that the projects of pages begin with, and the examples that they are copies of. */
const PROJECTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'README.md': { ...SHOP, prisma: 'examples/prisma/prisma' },
  [MYSQL_PAGE]: { migrations: 'examples/mysql/migrations' },
  // These pages write all their files.
  'docs/getting-started.md': {},
  'docs/with-supabase.md': {},
  'docs/with-sql-folders.md': {},
  'docs/with-prisma.md': { prisma: 'examples/prisma/prisma' },
  'docs/with-kysely.md': { migrations: 'examples/kysely/migrations' },
  'docs/with-knex.md': {},
  'docs/with-typeorm.md': {},
  'docs/with-code-folders.md': {},
  'docs/with-drizzle.md': { drizzle: 'examples/drizzle/drizzle' },
}

/** The files that a page's project begins with, by path: where each is copied from. */
function filesOf(page: string): Record<string, string> {
  const folders = Object.entries(PROJECTS[page] ?? SHOP)
  return Object.fromEntries(
    folders.flatMap(([folder, example]) =>
      globSync('**/*.*', { cwd: join(ROOT, example) }).map((file) => [join(folder, file), join(ROOT, example, file)]),
    ),
  )
}

/** An empty database for them. */
async function urlFor(page: string, usual: string): Promise<string> {
  return page === MYSQL_PAGE ? (await mysqlScratch(mysql())).url : usual
}

interface Block {
  readonly language: string
  readonly text: string
  readonly line: number
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm)].map((found) => ({
    language: found[2] ?? '',
    text: (found[3] ?? '').replaceAll(new RegExp(`^${found[1]}`, 'gm'), ''),
    line: text.slice(0, found.index).split('\n').length,
  }))
}

/** `users.test.ts` of `// users.test.ts — any vitest project`. */
function fileOf({ language, text }: Block): string | undefined {
  return { ts: /^\/\/ (\S+\.m?ts)\b/, sql: /^-- (\S+\.sql)\b/, json: /^\/\/ (\S+\.json)\b/ }[language]?.exec(text)?.[1]
}

const MODULES: Record<string, readonly string[]> = {
  migratest: Object.keys(root),
  'migratest/vitest': ['describeTransitions', 'describeMigrations'],
  'migratest/sources': Object.keys(sources),
  'migratest/presets/postgres': ['postgres'],
  'migratest/presets/pglite': ['pglite'],
  'migratest/presets/mysql': ['mysql'],
  'migratest/presets/mariadb': ['mariadb'],
  vitest: ['describe', 'expect', 'test', 'test as base'],
  knex: ['default as createKnex'],
}

/** A file that runs the snippet: what it uses and does not import or declare itself is imported. */
function runnable(text: string): string {
  const own = new Set(
    [...text.matchAll(/(?:const|let|function|import) (\w+)|import (?:type )?\{([^}]+)\}/g)].flatMap((m) => [
      m[1],
      ...(m[2] ?? '').split(',').map((name) => name.trim().split(' as ').at(-1)),
    ]),
  )
  const imports = Object.entries(MODULES).flatMap(([module, names]) => {
    const used = names.filter((name) => {
      const local = name.split(' as ').at(-1) ?? ''
      return !own.has(local) && new RegExp(`(?<![\\w.])${local}\\b`).test(text)
    })
    return used.length > 0 ? [`import { ${used.join(', ')} } from '${module}'`] : []
  })
  const registers = /\b(?:test|describe\w*)\(/.test(text)
  return [...imports, text, registers ? '' : "import { test as _test } from 'vitest'\n_test('runs', () => {})"].join(
    '\n',
  )
}

/** A page's blocks of TypeScript: those that are whole files, and those that stand alone. */
function typescriptOf(page: string): { readonly named: Block[]; readonly code: Block[]; readonly runs: boolean } {
  const blocks = blocksOf(page)
  const named = blocks.filter((block) => fileOf(block) !== undefined)
  const code = blocks.filter((block) => block.language === 'ts' && !named.includes(block))
  const tests = named.filter((block) => /\.test\.ts$/.test(fileOf(block) ?? ''))
  return { named, code, runs: code.length + tests.length > 0 }
}

const RUNS = 'its TypeScript runs'

/** The folder of a page in the run of all pages. */
const folderOf = (page: string) => page.replace(/\W/g, '_')

/** Runs before each test file: it works in its page's folder, with the page's own database and the packages of its tool. */
const intoFolder = (urls: Readonly<Record<string, string>>) => `import { symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
const folder = dirname(expect.getState().testPath)
process.chdir(folder)
process.env.DATABASE_URL = ${JSON.stringify(urls)}[basename(folder)]
if (${JSON.stringify(Object.keys(TOOL_PAGES).map(folderOf))}.includes(basename(folder))) {
  try {
    symlinkSync(${JSON.stringify(toolFile('.'))}, join(folder, 'node_modules'), 'junction')
  } catch (error) {
    // Another file of the page was first.
    if (error.code !== 'EEXIST') throw error
  }
}`

const PAGES = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })].sort()

/** All TypeScript of the pages that are tested, in one run of vitest: starting it costs more than what a page does. */
let run: Outcome

// biome-ignore lint/correctness/noEmptyPattern: vitest asks for a pattern.
beforeAll(async ({}, file) => {
  const asked = PAGES.filter((page) => isAsked(file, page))
  if (asked.length === 0) return
  const files: Record<string, string> = {}
  const urls: Record<string, string> = {}
  const databases = await Promise.all(
    asked.map(async (page) => {
      const database = await (page === MYSQL_PAGE ? mysql() : anyPostgres).create()
      urls[folderOf(page)] = database.url ?? ''
      const write = (name: string, text: string) => (files[join(folderOf(page), name)] = text)
      for (const [name, from] of Object.entries(filesOf(page))) write(name, readFileSync(from, 'utf8'))
      for (const [name, text] of Object.entries(TOOL_PAGES[page]?.files ?? {})) write(name, text)
      const { named, code } = typescriptOf(page)
      for (const block of named) write(fileOf(block) ?? '', block.text)
      for (const block of code) write(`line-${block.line}.test.ts`, runnable(block.text))
      return database
    }),
  )
  files['folder.setup.mjs'] = intoFolder(urls)
  run = await runVitest(
    files,
    "testTimeout: 60_000, update: 'new', maxWorkers: 2, isolate: false, setupFiles: ['./folder.setup.mjs'],",
  )
  await Promise.all(databases.map((database) => database.drop()))
}, 600_000)

/** Returns `true` if the test of that page's TypeScript will run: a name may have been asked for. */
function isAsked(file: Readonly<RunnerTestSuite>, page: string): boolean {
  const suite = file.tasks.find(({ name }) => name === page)
  return suite?.type === 'suite' && suite.tasks.some(({ name, mode }) => name === RUNS && mode === 'run')
}

test('nothing of the pages’ TypeScript fails outside of its tests', () => {
  if (run) expect(run.exitCode, run.screen).toBe(0)
})

describe.for(PAGES)('%s', (page) => {
  const blocks = blocksOf(page)
  const { named, runs } = typescriptOf(page)
  const screens = blocks.filter(({ language }) => language === 'console')

  const missing = missingTools(TOOL_PAGES[page]?.packages ?? [])
  if (runs && missing) test.skip(`${RUNS} (${missing})`)
  else if (runs)
    test(RUNS, () => {
      const { named, code } = typescriptOf(page)
      const tests = [
        ...named.flatMap((block) => fileOf(block)?.match(/.*\.test\.ts$/) ?? []),
        ...code.map(({ line }) => `line-${line}.test.ts`),
      ]
      for (const file of tests) {
        const found = Object.entries(run.inFile(join(folderOf(page), file)))
        expect(found.length, `${page}, ${file} has no tests:\n${run.screen}`).toBeGreaterThan(0)
        for (const [name, { status, messages }] of found)
          expect(status, `${page}, ${file}, ${name}: ${messages.join('\n')}`).toBe('passed')
      }
    })

  if (screens.length > 0)
    test('its screens are what is printed', async ({ db }) => {
      const cwd = project(page)
      const bin = join(cwd, '.bin')
      mkdirSync(bin)
      writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${program}' "$@"\n`, {
        mode: 0o755,
      })
      const env = {
        ...process.env,
        PATH: `${bin}:${process.env.PATH}`,
        DATABASE_URL: await urlFor(page, db.url),
        FORCE_COLOR: undefined,
        CI: undefined,
      }
      for (const block of blocks) {
        const file = fileOf(block)
        if (file !== undefined) {
          mkdirSync(dirname(join(cwd, file)), { recursive: true })
          writeFileSync(join(cwd, file), block.text)
        }
        if (block.language !== 'console') continue
        for (const [whole, command = '', wanted = ''] of block.text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
          // Both streams in one, in the order in which a terminal shows them.
          const { stdout: screen } = spawnSync('sh', ['-c', `{ ${command}\n} 2>&1`], {
            cwd,
            env: env as NodeJS.ProcessEnv,
            encoding: 'utf8',
          })
          if (process.env.UPDATE_SCREENS) update(page, whole, `$ ${command}\n${shown(screen)}`)
          else expect(steady(screen), `${page}:${block.line}: ${command}`).toBe(steady(wanted))
        }
      }
    }, 120_000)

  for (const block of named.filter((some) => /\.node-test\.ts$/.test(fileOf(some) ?? ''))) {
    test(`${fileOf(block)} passes with node --test`, () => {
      const cwd = project(page)
      const file = fileOf(block) ?? ''
      writeFileSync(join(cwd, file), block.text)
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--test', file], {
        cwd,
        env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined } as NodeJS.ProcessEnv,
        encoding: 'utf8',
      })
      expect(status, `${stdout}${stderr}`).toBe(0)
      expect(stdout).toMatch(/pass 1/)
    })
  }

  test('commands in it exist, with their options', () => {
    const typed = blocks
      .filter(({ language }) => ['sh', 'console', 'yaml'].includes(language))
      .flatMap(({ text }) => [...text.matchAll(/npx migratest ([^#\n&|)]*)/g)].map((found) => (found[1] ?? '').trim()))
    for (const line of typed) {
      const { options, positionals } = parseOptions(line.split(/\s+/))
      const command = findCommand(positionals[0] ?? '', false)
      expect(() => refuseForeign(command, COMMANDS[command].takes, options), `${page}: ${line}`).not.toThrow()
    }
  })
})

/** A folder that is a user's project: the package is in it by its name, as its sources, and the page's migrations. */
function project(page: string): string {
  const cwd = mkdtempSync(join(tmpdir(), 'migratest-page-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  const installed = join(cwd, 'node_modules', 'migratest')
  mkdirSync(installed, { recursive: true })
  // Node takes types off files that are really elsewhere.
  symlinkSync(ROOT, join(installed, 'root'))
  const exports = {
    '.': './root/index.ts',
    './vite': './root/presets/vitePlugin.ts',
    './vitest': './root/fixtures/vitest.ts',
    './presets/*': './root/presets/*.ts',
    './sources': './root/presets/sources.ts',
    './contract': './root/src/migrate/contract/index.ts',
  }
  symlinkSync(join(ROOT, 'node_modules', 'kysely'), join(cwd, 'node_modules', 'kysely'))
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: 'migratest', type: 'module', exports }))
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }')
  for (const [file, from] of Object.entries(filesOf(page))) cpSync(from, join(cwd, file))
  return cwd
}

/** `UPDATE_SCREENS=1` writes what is printed into the page; the diff is then for a person to look at. */
function update(page: string, before: string, after: string): void {
  const file = join(ROOT, page)
  const whole = readFileSync(file, 'utf8')
  // The same command may be typed more than once on a page; those above are done already.
  const at = whole.indexOf(before, updated.get(page) ?? 0)
  updated.set(page, at + after.length)
  writeFileSync(file, `${whole.slice(0, at)}${after}${whole.slice(at + before.length)}`)
}

const updated = new Map<string, number>()

/** As a reader's own database would be called. */
function shown(screen: string): string {
  const text = screen
    .replaceAll(/^migratest: (?:PostgreSQL|MySQL|MariaDB).*\n/gm, '')
    .replaceAll(/"migratest_t_\w+" on [^\s:]+:\d+/g, '"shop" on 127.0.0.1:3306')
    .replaceAll(/"migratest_\w+" on [^\s:]+:\d+/g, '"shop" on 127.0.0.1:5432')
    .replaceAll(/\S+docs\/(errors|verify)\.md#/g, 'node_modules/migratest/docs/$1.md#')
    .replaceAll(/[ \t]+$/gm, '')
    .replace(/^\n+/, '')
    .trimEnd()
  return text === '' ? '' : `${text}\n`
}

/** Without what is another each time: durations, dates, where the database is, which server it was. */
function steady(screen: string): string {
  return screen
    .replaceAll(/^migratest: PostgreSQL.*\n/gm, '')
    .replaceAll(/"(?:migratest_\w+|shop)" on [^\s:]+:\d+/g, 'DATABASE')
    .replaceAll(/ *\b[\d.]+ m?s\b/g, ' TIME')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'DATE')
    .replaceAll(/\S+docs\/(errors|verify)\.md#/g, '$1.md#')
    .replaceAll(/[ \t]+$/gm, '')
    .trim()
}
