/** `generate --amend` and `--done`, as they are typed. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openFolder } from '../../src/source/open.ts'
import { cli, folder, write } from '../support/cli.ts'

const USERS = 'create table users (id integer primary key, name text);'
const FILES = {
  'migrations/0001_users.up.sql': USERS,
  'migrations/0001_users.down.sql': 'drop table users;',
  'migratest.config.mjs': "export default { wanted: 'schema.sql' }",
}
const wanted = (columns: string) => `create table users (id integer primary key, name text${columns});`
const UP = 'migrations/0002_add_users_age.up.sql'

/** A project whose newest migration was generated. */
function project() {
  const cwd = folder({ ...FILES, 'schema.sql': wanted(', age integer') })
  expect(cli(['generate'], {}, cwd)).toMatchObject({ code: 0 })
  const read = (name = UP) => readFileSync(join(cwd, name), 'utf8')
  return { cwd, read, want: (columns: string) => write(cwd, 'schema.sql', wanted(columns)) }
}

describe('generate --amend', () => {
  test('writes the newest migration anew, up and down, and finds nothing to do then', () => {
    const { cwd, read, want } = project()
    want(', age integer, mail text')
    const { out, code } = cli(['generate', '--amend'], {}, cwd)
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('written anew: 1 statement up') })
    expect(readdirSync(join(cwd, 'migrations'))).toHaveLength(4)
    expect(read()).toContain('ADD COLUMN mail text')
    expect(read(UP.replace('.up.', '.down.'))).toContain('DROP COLUMN mail')
    expect(cli(['generate'], {}, cwd).out).toMatch(/^Nothing to do/)
    expect(cli(['generate', '--amend'], {}, cwd).out).toBe('2_add_users_age is what the wanted schema needs.\n')
    expect(cli(['verify', '--only', 'schema'], {}, cwd).code).toBe(0)
  })

  test('keeps what was written or edited by hand, unless --yes says otherwise', () => {
    const { cwd, read, want } = project()
    const mine = `${read()}UPDATE users SET age = 0;\n`
    write(cwd, UP, mine)
    want(', age integer, mail text')
    const { err, code } = cli(['generate', '--amend'], {}, cwd)
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining('edited it by hand') })
    expect(err).toContain('--yes')
    expect(read()).toBe(mine)
    expect(cli(['generate', '--amend', '--yes'], {}, cwd).code).toBe(0)
    expect(read()).not.toContain('UPDATE')
  })

  test('leaves a migration alone that is on the branch to be merged into', () => {
    const { cwd, read, want } = project()
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.email=a@b', '-c', 'user.name=x', ...args], { cwd })
    git('init', '-q', '-b', 'main')
    git('add', 'migrations/0001_users.up.sql', 'migrations/0001_users.down.sql')
    git('commit', '-qm', 'users')
    git('checkout', '-qb', 'work')
    git('add', '-A')
    git('commit', '-qm', 'age')
    want(', age integer, mail text')
    expect(cli(['generate', '--amend'], {}, cwd)).toMatchObject({ code: 0 })
    git('checkout', '-qB', 'main')
    git('commit', '-qam', 'mail')
    git('checkout', '-qb', 'other')
    want(', age integer, mail text, phone text')
    const before = read()
    expect(cli(['generate', '--amend'], {}, cwd)).toMatchObject({
      code: 2,
      err: expect.stringContaining('on the branch to be merged into already'),
    })
    expect(read()).toBe(before)
  })

  test('keeps the sums of Atlas right', async () => {
    const cwd = folder({
      'migrations/20240101000000_users.sql': USERS,
      'migrations/atlas.sum': '',
      'schema.sql': USERS,
    })
    const remarks = async () => {
      const source = openFolder(join(cwd, 'migrations'))
      await source.list()
      return source.remarks
    }
    write(cwd, 'schema.sql', wanted(', age integer'))
    const generate = (...more: string[]) => cli(['generate', '--schema', 'schema.sql', ...more], {}, cwd)
    expect(generate()).toMatchObject({ code: 0 })
    expect(await remarks()).toEqual([])
    write(cwd, 'schema.sql', wanted(', age integer, mail text'))
    const { out, code } = generate('--amend')
    expect({ out, code }).toMatchObject({ code: 0, out: expect.stringContaining('atlas.sum') })
    expect(await remarks()).toEqual([])
    expect(readdirSync(join(cwd, 'migrations'))).toHaveLength(3)
    expect(generate().out).toMatch(/^Nothing to do/)
  })

  test('refuses what it cannot do', () => {
    const { cwd, want } = project()
    want('')
    expect(cli(['generate', '--amend'], {}, cwd).err).toContain('without 2_add_users_age')
    expect(cli(['generate', 'name', '--amend'], {}, cwd).err).toContain('takes none')
    const empty = folder({ 'migrations/.keep': '', 'schema.sql': USERS })
    expect(cli(['generate', '--amend', '--schema', 'schema.sql'], {}, empty).err).toContain(
      'no migration to write anew',
    )
  })
})

test('generate --done takes the marks of a draft away, and leaves the rest as it is', () => {
  const mark = '-- draft 000000000000: written anew with each save of schema.sql, until "migratest generate --done"\r\n'
  const cwd = folder({
    ...FILES,
    [UP]: `\uFEFF${mark}-- draft answer {"fill users.age":"0"}\r\nALTER TABLE users ADD COLUMN age integer;\r\n-- mine\r\n`,
    'migrations/0002_add_users_age.down.sql': `${mark}ALTER TABLE users DROP COLUMN age;\n`,
  })
  expect(cli(['generate', '--done'], {}, cwd).out).toContain('done: no longer a draft')
  expect(readFileSync(join(cwd, UP), 'utf8')).toBe('\uFEFFALTER TABLE users ADD COLUMN age integer;\r\n-- mine\r\n')
  expect(readFileSync(join(cwd, 'migrations/0002_add_users_age.down.sql'), 'utf8')).toBe(
    'ALTER TABLE users DROP COLUMN age;\n',
  )
  expect(cli(['generate', '--done'], {}, cwd).out).toBe('There is no draft.\n')
})
