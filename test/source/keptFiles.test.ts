/** Compiled files are kept: another process uses them, and only for the same text under the same settings. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { compile } from '../../src/source/module/compile.ts'
import { KeptFiles } from '../../src/source/module/keptFiles.ts'
import { folder, write } from '../support/cli.ts'

const TEXT = `import { slug } from './slug.ts'
export async function up({ sql }: { sql: (text: string) => Promise<unknown> }) { await sql(slug('A')) }
export async function down() { throw new Error('at line 3') }
`
const FILES = {
  'node_modules/a/package.json': '{}',
  'migrations/1_a.ts': TEXT,
  'migrations/slug.ts': 'export const slug = (text: string) => text.toLowerCase()\n',
}

const module = (name: string) =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/source/module', name)).href)

/** Loads 1_a.ts in a process of its own. @returns what it found, and whether rolldown was loaded */
function load(root: string, maker = 'test'): { isLoaded: boolean; result: unknown } {
  const program = `
    import { KeptFiles } from ${module('keptFiles.ts')}
    import { ModuleLoader } from ${module('loader.ts')}
    const open = process.dlopen
    let isLoaded = false
    process.dlopen = (...given) => { isLoaded ||= /rolldown/.test(given[1]); return open.apply(process, given) }
    const file = ${JSON.stringify(join(root, 'migrations/1_a.ts'))}
    const loader = new ModuleLoader((path) => path, undefined, new KeptFiles(${JSON.stringify(maker)}))
    const { hash } = await loader.key(file)
    const loaded = await loader.load(file)
    const texts = []
    await loaded.up({ sql: async (text) => texts.push(text) })
    const place = loaded.locate(await loaded.down().catch((error) => error))
    const result = [hash, texts, place.start, loaded.fingerprint('up'), loaded.fingerprint('down'), loaded.record()]
    console.log(JSON.stringify({ isLoaded, result }))`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return JSON.parse(out)
}

test('a second process needs no rolldown, and finds the same', () => {
  const root = folder(FILES)
  const first = load(root)
  const second = load(root)
  expect([first.isLoaded, second.isLoaded]).toEqual([true, false])
  expect(second.result).toEqual(first.result)
})

test('a process that needed no fingerprints leaves them to the next one', async () => {
  const root = folder(FILES)
  const kept = new KeptFiles('test')
  for (const name of ['1_a.ts', 'slug.ts']) {
    const path = join(root, 'migrations', name)
    await compile(path, readFileSync(path, 'utf8'), () => path, kept)
  }
  kept.write()
  expect([load(root).isLoaded, load(root).isLoaded]).toEqual([true, false])
})

test.for([
  ['the migration', (root: string) => write(root, 'migrations/1_a.ts', TEXT.replace("'A'", "'B'"))],
  ['a helper', (root: string) => write(root, 'migrations/slug.ts', 'export const slug = (text: string) => text + 1')],
] as const)('an edit of %s counts', ([, edit]) => {
  const root = folder(FILES)
  const first = load(root)
  edit(root)
  const second = load(root)
  expect(second.isLoaded).toBe(true)
  expect(second.result).not.toEqual(first.result)
  const fresh = load(folder({ ...FILES, ...read(root) }))
  expect(second.result).toEqual(fresh.result)
})

function read(root: string): Record<string, string> {
  const names = ['migrations/1_a.ts', 'migrations/slug.ts']
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(root, name), 'utf8')]))
}

const PLAIN = 'export class A { b = 1 }\nexport const up = () => undefined\n'

/** Keeps one file, and returns whether it is found afterwards. */
async function isFoundAfter(files: Record<string, string>, then: (root: string) => void, maker = 'test') {
  const root = folder({ 'node_modules/a/package.json': '{}', 'migrations/1_a.ts': PLAIN, ...files })
  const path = join(root, 'migrations/1_a.ts')
  const kept = new KeptFiles('test')
  await compile(path, PLAIN, () => path, kept)
  kept.write()
  then(root)
  return new KeptFiles(maker).find(path, PLAIN) !== undefined
}

const settings = (extended?: string) => JSON.stringify({ extends: extended, compilerOptions: { target: 'es2022' } })
const OTHER = '{ "compilerOptions": { "useDefineForClassFields": false } }'
const nothing = () => undefined

test.for<[string, boolean, Record<string, string>, (root: string) => void]>([
  ['nothing changed', true, {}, nothing],
  ['a tsconfig is there and stays', true, { 'tsconfig.json': settings() }, nothing],
  ['a tsconfig is edited', false, { 'tsconfig.json': settings() }, (root) => write(root, 'tsconfig.json', OTHER)],
  ['a tsconfig appears above', false, {}, (root) => write(root, 'tsconfig.json', OTHER)],
  [
    'a tsconfig appears in between',
    false,
    { 'tsconfig.json': OTHER },
    (root) => write(root, 'migrations/tsconfig.json', OTHER),
  ],
  ['the extended file stays', true, { 'tsconfig.json': settings('./base.json'), 'base.json': OTHER }, nothing],
  [
    'the extended file is edited',
    false,
    { 'tsconfig.json': settings('./base.json'), 'base.json': OTHER },
    (root) => write(root, 'base.json', '{}'),
  ],
  [
    'a package is extended',
    false,
    { 'tsconfig.json': settings('a/tsconfig.json'), 'node_modules/a/tsconfig.json': OTHER },
    nothing,
  ],
])('%s: found %s', async ([, isFound, files, then]) => {
  expect(await isFoundAfter(files, then)).toBe(isFound)
})

test('what another version has made is not found', async () => {
  expect(await isFoundAfter({}, nothing, 'other')).toBe(false)
})

test('a damaged file has nothing', async () => {
  const damage = (root: string) => {
    const cache = join(root, 'node_modules/.cache/migratest')
    for (const name of readdirSync(cache)) {
      const path = join(cache, name)
      writeFileSync(path, readFileSync(path, 'utf8').replace('b = 1', 'b = 2'))
    }
  }
  expect(await isFoundAfter({}, damage)).toBe(false)
})
