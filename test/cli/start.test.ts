/** What a command loads before it does anything: to find and load a file takes half a millisecond. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { cli, folder, program } from '../support/cli.ts'
import { test } from '../support/database.ts'

/** Writes the URL of each module that is loaded to standard error. */
const LISTING = `import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context) } })`

test.for(['up', 'status'])(
  '%s loads six files of ours, and no package but pg and what that needs',
  (command, { db }) => {
    const listing = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(LISTING)}` }
    const { err, code } = cli([command, '-d', db.url, '-p', folder()], listing)
    expect(code).toBe(0)
    const urls = err.split('\n')
    const ours = urls.filter((url) => url.includes(`/${basename(dirname(program))}/`) && url.endsWith('.js'))
    const names = ours.map((url) => basename(url).replace(/(?:-[\w-]{8})?\.js$/, ''))
    // Only a bundle of the sources, as tests have it, needs `rolldown-runtime`.
    expect(names.filter((name) => name !== 'rolldown-runtime').sort()).toEqual([
      'core',
      'main',
      'output',
      'postgres-connection',
      'postgres-driver',
      'program',
    ])
    const packages = urls.flatMap((url) => /.*\/node_modules\/([^./][^/]*)\//.exec(url)?.[1] ?? [])
    expect(packages).toContain('pg')
    expect(packages.filter((name) => !/^(?:pg|postgres|xtend)\b/.test(name))).toEqual([])
  },
)

test('bundled files are ASCII: another character would double the memory of the file', () => {
  const files = readdirSync(dirname(program)).filter((name) => name.endsWith('.js'))
  expect(files.length).toBeGreaterThan(50)
  expect(files.filter((name) => /[^\0-\x7f]/.test(readFileSync(join(dirname(program), name), 'utf8')))).toEqual([])
})
