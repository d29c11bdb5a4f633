/** Folders of Payload, without a database. */
import { describe, expect, test } from 'vitest'
import { payload } from '../../../presets/sources.ts'
import { formatOf } from '../../../src/source/open.ts'
import { findProjectFolder } from '../../../src/source/project.ts'
import { folder } from '../../support/cli.ts'
import { failure } from '../../support/database.ts'

const FILE = `import { MigrateUpArgs, sql } from '@payloadcms/db-postgres'
export async function up({ db }: MigrateUpArgs) {}
export async function down({ db }) {}
`

describe('a folder of Payload', () => {
  test('lists the files that Payload runs, by their names without endings', async () => {
    const names = ['20240101_000001_b.ts', '20240101_000000.js', '20240101_000002_c.old.ts']
    const others = [
      'index.ts',
      '20240101_000001_b.json',
      '20240101_000003_d.d.ts',
      'deep/20240101_000004_e.ts',
      'f.mts',
    ]
    const source = payload(folder(Object.fromEntries([...names, ...others].map((name) => [name, FILE]))))
    const listed = await source.list()
    expect(listed.map(({ name }) => name)).toEqual(['20240101_000000', '20240101_000001_b', '20240101_000002_c'])
    expect(listed.map(({ number }) => number)).toEqual([20240101000000, 20240101000001, 20240101000002])
  })

  test('says which file is no migration, and for which database it is not', async () => {
    const source = payload(folder({ 'a.ts': 'export const nothing = 1' }))
    const [a] = await source.list()
    if (!a) throw new Error('There is one.')
    expect((await failure(source.read(a, 'up'))).message).toContain('a.ts: exports no function up({ db })')
    expect(() => source.format?.bookkeeping('mysql')).toThrow('on PostgreSQL only')
  })

  test('is recognized by what its files import, and found beside its configuration', () => {
    expect(formatOf(folder({ '20240101_000000_a.ts': FILE }))?.tool).toBe('Payload')
    const vercel = FILE.replace('db-postgres', 'db-vercel-postgres')
    expect(formatOf(folder({ '20240101_000000_a.ts': vercel }))?.tool).toBe('Payload')
    const project = folder({ 'src/payload.config.ts': 'export default {}', 'src/migrations/a.ts': FILE })
    expect(findProjectFolder(project)).toEqual({ path: 'src/migrations', because: 'usual with src/payload.config.ts' })
  })
})
