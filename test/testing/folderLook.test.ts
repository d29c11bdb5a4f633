/** A look at a folder of migrations sees each edit that came before it, whether its files are looked at or only heard of. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Source } from '../../src/migrate/source.ts'
import { directory } from '../../src/source/directory.ts'
import { lookAt } from '../../src/testing/lease/folderLook.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'migratest-look-'))
  folder = join(root, 'migrations')
  mkdirSync(folder)
  for (let i = 0; i < 20; i++) writeFileSync(join(folder, `${i}_m.up.sql`), `select ${i}`)
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(root, { recursive: true })
})

const at = (i: number) => join(folder, `${i}_m.up.sql`)
const sourceOf = (path = folder): Source => directory(path)
/** Returns the texts of the folder's files as one. */
const texts = () =>
  readdirSync(folder)
    .map((name) => `${name} ${readFileSync(join(folder, name), 'utf8')}`)
    .join('\n')

test('a folder in which nothing changes is the same', async () => {
  const first = await lookAt(sourceOf())
  for (let i = 0; i < 50; i++) expect(await lookAt(sourceOf())).toBe(first)
})

test.runIf(process.platform === 'linux')('its files are looked at again only rarely (needs Linux)', async () => {
  const first = await lookAt(sourceOf())
  const begun = performance.now()
  // A write that nobody tells of: the name is in another folder.
  linkSync(at(3), join(root, 'other'))
  appendFileSync(join(root, 'other'), ' ')
  const next = await lookAt(sourceOf())
  if (performance.now() - begun < 900) expect(next).toBe(first)
  await expect.poll(() => lookAt(sourceOf()), { timeout: 5000 }).not.toBe(first)
  // From now on it is looked at.
  const second = await lookAt(sourceOf())
  appendFileSync(join(root, 'other'), ' ')
  expect(await lookAt(sourceOf())).not.toBe(second)
})

const edits: Record<string, (i: number) => void> = {
  'written in place': (i) => writeFileSync(at(i), `select ${i} + 1`),
  'written in place, of the same length and time': (i) => {
    const { atime, mtime } = statSync(at(i))
    writeFileSync(at(i), readFileSync(at(i), 'utf8').toUpperCase().replace('SELECT', 'select'))
    writeFileSync(
      at(i),
      readFileSync(at(i), 'utf8').replace(/\d/, (digit) => String((Number(digit) + 1) % 10)),
    )
    utimesSync(at(i), atime, mtime)
  },
  'one byte in the middle': (i) => {
    const file = openSync(at(i), 'r+')
    writeSync(file, 'X', 2)
    closeSync(file)
  },
  truncated: (i) => {
    const file = openSync(at(i), 'r+')
    ftruncateSync(file, 3)
    closeSync(file)
  },
  'replaced by a renamed file': (i) => {
    writeFileSync(join(root, 'new'), `select ${i} + 2`)
    renameSync(join(root, 'new'), at(i))
  },
  removed: (i) => unlinkSync(at(i)),
  added: (i) => writeFileSync(join(folder, `${i + 100}_m.up.sql`), ''),
  renamed: (i) => renameSync(at(i), at(i + 200)),
  'written by another process': (i) => execFileSync('sh', ['-c', `printf ' ' >> '${at(i)}'`]),
  'copied over': (i) => execFileSync('cp', [at((i + 1) % 20), at(i)]),
}

test.for(Object.keys(edits))('%s: the next look sees it', async (name) => {
  for (let i = 0; i < 20; i++) {
    const before = await lookAt(sourceOf())
    const was = texts()
    edits[name]?.(i)
    expect(texts()).not.toBe(was)
    const after = await lookAt(sourceOf())
    expect(after === before, `${name} ${i}`).toBe(false)
    expect(await lookAt(sourceOf())).toBe(after)
  }
})

test('an edit while others look is seen by the next look of each', async () => {
  for (let i = 0; i < 200; i++) {
    const before = await lookAt(sourceOf())
    const looking = [lookAt(sourceOf()), lookAt(sourceOf())]
    writeFileSync(at(i % 20), `select ${i} + 3`)
    await Promise.all(looking)
    expect((await lookAt(sourceOf())) === before).toBe(false)
  }
})

test('a link to a file elsewhere is followed', async () => {
  writeFileSync(join(root, 'elsewhere'), 'select 1')
  symlinkSync(join(root, 'elsewhere'), at(50))
  const before = await lookAt(sourceOf())
  appendFileSync(join(root, 'elsewhere'), ' + 1')
  expect(await lookAt(sourceOf())).not.toBe(before)
})

test('another folder with the same name, or behind the same link, is another one', async () => {
  const other = join(root, 'other')
  execFileSync('cp', ['-a', folder, other])
  appendFileSync(join(other, '3_m.up.sql'), ' ')
  const link = join(root, 'link')
  symlinkSync(folder, link)
  const [before, linked] = [await lookAt(sourceOf()), await lookAt(sourceOf(link))]
  unlinkSync(link)
  symlinkSync(other, link)
  expect(await lookAt(sourceOf(link))).not.toBe(linked)
  renameSync(folder, join(root, 'old'))
  renameSync(other, folder)
  expect(await lookAt(sourceOf())).not.toBe(before)
})

test('more folders than are watched at once: each edit is seen, and a folder in which nothing changes is the same', async () => {
  const folders = Array.from({ length: 12 }, (_, i) => join(root, `folder${i}`))
  for (const one of folders) execFileSync('cp', ['-a', folder, one])
  const first = await Promise.all(folders.map((one) => lookAt(sourceOf(one))))
  for (let round = 0; round < 5; round++) {
    for (const [i, one] of folders.entries()) expect(await lookAt(sourceOf(one))).toBe(first[i])
  }
  for (const [i, one] of folders.entries()) {
    appendFileSync(join(one, '7_m.up.sql'), ' ')
    expect(await lookAt(sourceOf(one))).not.toBe(first[i])
  }
})

test('timers that a test has replaced stop nothing', async () => {
  const before = await lookAt(sourceOf())
  vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'Date', 'performance', 'hrtime'] })
  writeFileSync(at(3), 'select 4')
  expect(await lookAt(sourceOf())).not.toBe(before)
})

test('in a format with subfolders, what is in these counts', async () => {
  mkdirSync(join(folder, 'one'))
  writeFileSync(join(folder, 'one', 'migration.sql'), 'select 1')
  const source = { ...sourceOf(), format: {} } as unknown as Source
  const before = await lookAt(source)
  writeFileSync(join(folder, 'one', 'migration.sql'), 'select 2')
  expect(await lookAt(source)).not.toBe(before)
  expect(await lookAt({ ...source, folder: join(root, 'nowhere') })).toBeUndefined()
})
