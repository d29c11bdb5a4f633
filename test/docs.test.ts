/** The code has what the documents promise. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as entry from '../index.ts'
import { COMMANDS } from '../src/cli/commands.ts'
import { RULES } from '../src/verify/rules.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

test('every error code has its entry, and no entry is left of one that is gone', () => {
  const inCode = globSync('{src,fixtures}/**/*.ts', { cwd: root }).flatMap((file) =>
    [...read(file).matchAll(/readonly code = '(MIGRATEST_\w+)'/g)].map((m) => m[1]),
  )
  const inDocs = [...read('docs/errors.md').matchAll(/^### (MIGRATEST_\w+)$/gm)].map((m) => m[1])
  expect(inDocs.toSorted()).toEqual(inCode.toSorted())
})

test('every error class that is documented is exported', () => {
  const classes = [...read('docs/errors.md').matchAll(/^`(\w+Error)`/gm)].map((m) => m[1] ?? '')
  // The command's own error never leaves it.
  expect(classes.filter((name) => !(name in entry))).toEqual(['OptionError'])
})

test('links between documents lead somewhere', () => {
  for (const file of ['README.md', ...globSync('docs/**/*.md', { cwd: root })]) {
    for (const [, target = ''] of read(file).matchAll(/\]\(([^)#]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      expect(globSync(join(root, file, '..', target)), `${file} links to ${target}`).toHaveLength(1)
    }
  }
})

test('the table of docs/command.md has every command, and no other', () => {
  const rows = [...read('docs/command.md').matchAll(/^\| (`[^|]+) \|/gm)].map((m) => m[1] ?? '')
  const documented = rows.flatMap((row) => [...row.matchAll(/(?:^|, )`(\w+)(?=[ `])/g)].map((m) => m[1] ?? ''))
  const known = Object.keys(COMMANDS).map((name) => name.split(' ')[0] ?? '')
  const parts = new Set(['open', 'gc', 'stop'])
  expect([...new Set(documented)].filter((name) => !parts.has(name)).sort()).toEqual([...new Set(known)].sort())
})

test('every rule of verify has its section, and no section is left of one that is gone', () => {
  const [, rules = ''] = read('docs/verify.md').split('\n## Rules\n')
  const sections = [...rules.matchAll(/^### (\S+)\n\n\*(\w+), (\w+)\*/gm)].map(([, id, group, severity]) => ({
    id,
    group,
    severity,
  }))
  expect(sections).toEqual(Object.entries(RULES).map(([id, { group, severity }]) => ({ id, group, severity })))
})
