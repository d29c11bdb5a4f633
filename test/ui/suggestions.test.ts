/** The page suggests what to tidy up in folders of a git repository. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readGraph } from '../../src/migrate/plan/readGraph.ts'
import { directory } from '../../src/source/directory.ts'
import { stationsOf } from '../../src/ui/stations.ts'
import { suggestionsFor } from '../../src/ui/suggestions.ts'
import { folder, write } from '../support/cli.ts'

const OLD = {
  'migrations/1_users.up.sql': 'create table users (id int)',
  'migrations/1_users.down.sql': 'drop table users',
}

/** A repository whose branch main has the first migrations, and a branch on which the others are. */
async function suggested(files: Readonly<Record<string, string>>, states: Readonly<Record<string, string>> = {}) {
  const cwd = folder(OLD)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, stdio: 'ignore' })
  git('init', '-b', 'main')
  git('add', '.')
  git('commit', '-m', 'first')
  git('checkout', '-b', 'topic')
  for (const [name, text] of Object.entries(files)) write(cwd, `migrations/${name}`, text)
  const source = directory(join(cwd, 'migrations'))
  const { graph } = await readGraph(source)
  const stations = stationsOf(graph, undefined, new Map()).map((station) => ({
    ...station,
    state: (states[station.key] ?? 'pending') as 'pending',
  }))
  return suggestionsFor(source, stations, 'postgres')
}

const THREE = {
  '2_a.up.sql': 'create table a (id int)',
  '2_a.down.sql': 'drop table a',
  '3_b.up.sql': 'create table b (id int)',
  '3_b.down.sql': 'drop table b',
}

describe('suggestions', () => {
  test('migrations in a row that only this branch has could be one', async () => {
    expect(await suggested(THREE)).toEqual([
      { kind: 'squash', keys: ['2_a', '3_b'], base: 'main', command: 'npx migratest squash 2..3' },
    ])
  })

  test.for<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>?]>([
    ['one alone', { '2_a.up.sql': 'select 1' }],
    ['where only some are applied', THREE, { '2_a': 'applied' }],
    ['code', { '2_a.up.sql': 'select 1', '3_b.ts': 'export async function up() {}' }],
    ['what another migration follows, too', { ...THREE, '4_c.up.sql': '-- migrate: depends-on 2_a, 3_b' }],
  ])('no squash of %s', async ([, files, states]) => {
    expect((await suggested(files, states)).filter(({ kind }) => kind === 'squash')).toEqual([])
  })

  test('branches without a migration that joins them', async () => {
    const found = await suggested({ ...THREE, '3_b.up.sql': '-- migrate: depends-on 1_users\nselect 1;' })
    expect(found).toEqual([{ kind: 'merge', keys: ['2_a', '3_b'], base: undefined, command: 'npx migratest merge' }])
  })
})
