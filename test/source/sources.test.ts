import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type SourceSubject, sourceContract } from '../../src/migrate/contract/index.ts'
import { FileNameError, SourceNotFoundError, UnreadableFileError } from '../../src/migrate/errors.ts'
import { directory } from '../../src/source/directory.ts'
import { parseFileName } from '../../src/source/fileNames.ts'
import { gitRevision } from '../../src/source/gitRevision.ts'
import { glob } from '../../src/source/glob.ts'
import { memory } from '../../src/source/memory.ts'
import names from '../conformance/filenames.json' with { type: 'json' }
import { failure } from '../support/database.ts'

const root = mkdtempSync(join(tmpdir(), 'migratest-sources-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

function folder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = join(root, String(folders++))
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd, encoding: 'utf8' })

function repository(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = folder({})
  mkdirSync(join(path, 'db'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, 'db', name), text)
  git(path, 'init', '-q')
  git(path, 'add', '-A')
  git(path, 'commit', '-q', '--allow-empty', '-m', 'one')
  return path
}

const SUBJECTS: Record<string, SourceSubject['open']> = {
  directory: (files) => directory(folder(files)),
  memory: (files) => memory(files),
  glob: (files) =>
    glob(
      Object.fromEntries(
        Object.entries(files).map(([name, text], i) => [`./migrations/${name}`, i % 2 ? text : async () => text]),
      ),
    ),
  gitRevision: (files) => gitRevision('HEAD', { path: 'db', cwd: repository({ '.keep': '', ...files }) }),
}

describe.each(Object.entries(SUBJECTS))('%s', (_, open) => {
  for (const { name, run } of sourceContract) test(name, () => run({ open }))
})

describe('file names, as golang-migrate parses them', () => {
  test.each(names)('$name', ({ name, expected }) => {
    const parse = () => parseFileName(name)
    if (expected === null) {
      if (name.endsWith('.sql')) expect(parse).toThrow(FileNameError)
      else expect(parse()).toEqual({ kind: 'unrelated' })
    } else {
      const { identifier: title, direction, version } = expected
      expect(parse()).toEqual({ kind: 'sql', version: Number(version), title, direction })
    }
  })

  test.each([
    ['0007_backfill.ts', 'code'],
    ['7_x.mts', 'code'],
    ['7_x.js', 'code'],
    ['7_x.mjs', 'code'],
    ['7_x.d.ts', 'unrelated'],
    ['7_x.test.ts', 'unrelated'],
    ['7_x.spec.mjs', 'unrelated'],
    ['helper.ts', 'unrelated'],
    ['7_x.up.go', 'other'],
    ['7_x.up.sql~', 'other'],
    ['7_x.sql.bak', 'other'],
    ['.7_x.up.sql.swp', 'unrelated'],
    ['README.md', 'unrelated'],
  ])('%s is %s', (name, kind) => expect(parseFileName(name).kind).toBe(kind))

  test.each([
    ['1_users.sql', /For this one: 1_users\.up\.sql/],
    ['1users.up.sql', /After the version 1 comes an underscore/],
    ['users.up.sql', /does not begin with a version/],
    ['1_users.UP.SQL', /not a valid name for a migration/],
  ])('%s is refused with a suggestion', (name, hint) => expect(() => parseFileName(name)).toThrow(hint))
})

describe('directory', () => {
  test('a missing one is named, with where it was looked for', async () => {
    const error = await failure(directory(join(root, 'nowhere')).list())
    expect(error).toBeInstanceOf(SourceNotFoundError)
    expect(error.message).toContain(join(root, 'nowhere'))
  })

  test('a missing one says where migrations may be', async () => {
    const project = folder({
      'packages/db/src/migrations/1700000000000-A.ts': '',
      'packages/db/src/migrations/1700000000001-B.ts': '',
      'packages/db/src/migrations/types.d.ts': '',
      'src/database/migration/postgres/1-a.js': '',
      'database/migrations/sqls/a.sql': '',
      'node_modules/tool/migrations/1.js': '',
      'dist/migrations/1.js': '',
    })
    vi.spyOn(process, 'cwd').mockReturnValue(project)
    onTestFinished(() => void vi.restoreAllMocks())
    const error = (await failure(directory('migrations').list())) as SourceNotFoundError
    const places = ['packages/db/src/migrations (2 files)', 'src/database/migration/postgres (1 file)']
    expect(error.hint).toBe(
      `These may have migrations: ${places.join(', ')}. Name one with --path packages/db/src/migrations, or in the option migrations.`,
    )
  })

  test('one without migrations says whose the files may be, and where others are', async () => {
    const source = directory(folder({ '001-site.js': '', 'README.md': '', 'mysql/1-a.ts': '', 'sqlite/1-a.ts': '' }))
    expect(await source.list()).toEqual([])
    expect(source.remarks?.join()).toMatch(/no file that is named as a migration of migratest.*: 001-site\.js\./)
    const outer = folder({ 'migrations/mysql/1-a.ts': '', 'migrations/sqlite/1-a.ts': '' })
    const nested = directory(join(outer, 'migrations'))
    await nested.list()
    expect(nested.remarks).toEqual([expect.stringMatching(/mysql \(1 file\), .*sqlite \(1 file\)/)])
    const own = directory(folder({ '1_a.up.sql': '' }))
    await own.list()
    expect(own.remarks).toEqual([])
  })

  test('a file instead of one', async () => {
    expect((await failure(directory(join(folder({ a: '' }), 'a')).list())).message).toMatch(
      /is a file, not a directory/,
    )
  })

  test('takes a file: URL with spaces and umlauts', async () => {
    const path = join(folder({}), 'mit ü')
    mkdirSync(path)
    writeFileSync(join(path, '1_a.up.sql'), '')
    const { pathToFileURL } = await import('node:url')
    expect(await directory(pathToFileURL(path)).list()).toHaveLength(1)
  })

  test('a file that cannot be read is named', async () => {
    const path = folder({})
    symlinkSync(join(path, 'gone'), join(path, '1_a.up.sql'))
    const source = directory(path)
    const [only] = await source.list()
    const error = await failure(source.read(only ?? { version: 1, name: '' }, 'up'))
    expect(error).toBeInstanceOf(UnreadableFileError)
    expect(error.message).toMatch(/1_a\.up\.sql cannot be read: ENOENT/)
  })

  test.each([
    ['Latin-1', Uint8Array.of(0x27, 0xfc, 0x27), /not UTF-8 text\./],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x27, 0), /looks like UTF-16/],
  ])('%s is refused rather than read wrongly', async (_, bytes, message) => {
    const source = directory(folder({ '1_a.up.sql': bytes }))
    expect((await failure(source.read({ version: 1, name: 'a' }, 'up'))).message).toMatch(message)
  })

  test('a character that stands for unreadable bytes may be in a text, and a byte order mark stays', async () => {
    const source = directory(folder({ '1_a.up.sql': "\ufeffselect '\ufffd'" }))
    expect(await source.read({ version: 1, name: 'a' }, 'up')).toEqual({ kind: 'sql', text: "\ufeffselect '\ufffd'" })
  })

  test('code migrations are loaded anew each time', async () => {
    const path = folder({
      '1_code.ts': 'export async function up({ log }: { log: (m: string) => void }) { log("one") }',
    })
    const source = directory(path)
    const [only = { version: 1, name: '' }] = await source.list()
    const say = async () => {
      const body = await source.read(only, 'up')
      const said: string[] = []
      if (body?.kind === 'code')
        await body.run({
          client: undefined,
          dialect: 'postgres',
          sql: async () => [],
          signal: new AbortController().signal,
          log: (m) => said.push(m),
        })
      return said
    }
    expect(await say()).toEqual(['one'])
    writeFileSync(
      join(path, '1_code.ts'),
      'export default { up({ log }: { log: (m: string) => void }) { log("two") } }',
    )
    expect(await say()).toEqual(['two'])
    expect(await source.read(only, 'down')).toBeNull()
  })
})

describe('gitRevision', () => {
  test('reads a tag, a branch or a commit; the work tree is not touched', async () => {
    const path = repository({ '1_a.up.sql': 'one' })
    git(path, 'tag', 'v1')
    writeFileSync(join(path, 'db', '1_a.up.sql'), 'two')
    writeFileSync(join(path, 'db', '2_b.up.sql'), 'uncommitted')
    for (const revision of ['v1', 'HEAD', git(path, 'rev-parse', 'HEAD').trim()]) {
      const source = gitRevision(revision, { path: 'db', cwd: path })
      const list = await source.list()
      expect(list.map((m) => m.version)).toEqual([1])
      expect(await source.read(list[0] ?? { version: 1, name: '' }, 'up')).toEqual({ kind: 'sql', text: 'one' })
      expect(list[0]?.up).toBe(`${revision}:db/1_a.up.sql`)
    }
    expect(git(path, 'status', '--porcelain')).toBe(' M db/1_a.up.sql\n?? db/2_b.up.sql\n')
  })

  test.each([
    ['a revision that is not there', 'nowhere', 'db', /git knows no revision "nowhere"/],
    ['one that looks like an option', '--help', 'db', /git knows no revision "--help"/],
    ['a folder that is not there', 'HEAD', 'nowhere', /no folder nowhere in git revision HEAD/],
  ])('%s', async (_, revision, path, message) => {
    expect((await failure(gitRevision(revision, { path, cwd: repository({ a: '' }) }).list())).message).toMatch(message)
  })
})
