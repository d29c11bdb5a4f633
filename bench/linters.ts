/**
 * `node bench/linters.ts SQUAWK`: what linters that read the text say of the PostgreSQL folders in `test/corpus`, beside what
 * `verify` must say of them (the tests hold it to that). SQUAWK is the path of squawk's command (`npm i squawk-cli`).
 * eugene is not on npm; `eugeneWarns` follows the documentation of its lint rules.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const CORPUS = join(import.meta.dirname, '..', 'test', 'corpus')
const [squawk = 'squawk'] = process.argv.slice(2)

interface Case {
  readonly name: string
  readonly group: 'live' | 'rows'
  readonly isSound: boolean
  /** The files from the second migration on: the first one makes the tables. */
  readonly files: readonly string[]
}

const cases: readonly Case[] = [
  ...globSync(join(CORPUS, 'live/postgres/*')).map((folder): Case => {
    const isSound = readFileSync(join(folder, 'expected.json'), 'utf8').trim() === '[]'
    return { name: basename(folder), group: 'live', isSound, files: upsOf(folder) }
  }),
  ...globSync(join(CORPUS, 'rows/postgres/*/*')).map((folder): Case => {
    const isSound = !existsSync(join(folder, 'expected.txt'))
    return { name: basename(folder), group: 'rows', isSound, files: upsOf(folder) }
  }),
].toSorted((a, b) => (a.name < b.name ? -1 : 1))

const LINTERS = {
  squawk: (one: Case) => squawkWarns(one, () => true),
  'squawk without style and timeouts': (one: Case) => squawkWarns(one, (rule) => !OPINIONS.test(rule)),
  "eugene's rules": (one: Case) => eugeneWarns(one, true),
  "eugene's rules without E9": (one: Case) => eugeneWarns(one, false),
} as const

/** Opinions about types and names, timeouts, and statements that could not run twice: none of them says that this file is wrong. */
const OPINIONS = /^prefer-|timeout|^ban-char-field$/

function upsOf(folder: string): string[] {
  const all = globSync(join(folder, '*.{sql,ts}')).filter((file) => !file.includes('.down.'))
  return all.toSorted().slice(1)
}

function squawkWarns({ files }: Case, isMeant: (rule: string) => boolean): boolean {
  const readable = files.filter((file) => file.endsWith('.sql'))
  if (readable.length === 0) return false
  const { stdout } = spawnSync(squawk, ['--reporter', 'json', ...readable], { encoding: 'utf8' })
  const found = JSON.parse(stdout || '[]') as { readonly rule_name: string }[]
  return found.some(({ rule_name }) => isMeant(rule_name))
}

/** The pattern that shows each of eugene's rules, in statements about tables that the file does not create itself. */
const EUGENE: readonly (readonly [rule: string, RegExp])[] = [
  ['E1', /add\s+constraint\s+\S+\s+(?:check|foreign\s+key)(?![\s\S]*not\s+valid)/i],
  ['E2', /alter\s+(?:column\s+)?\S+\s+set\s+not\s+null/i],
  ['E3', /add\s+(?:column\s+)?\S+\s+json\b/i],
  ['E5', /alter\s+(?:column\s+)?\S+\s+(?:set\s+data\s+)?type\b/i],
  ['E6', /create\s+(?:unique\s+)?index\s+(?!concurrently)/i],
  ['E7', /add\s+(?:constraint\s+\S+\s+)?unique\s*(?!using)\(/i],
  ['E8', /add\s+(?:constraint\s+\S+\s+)?exclude/i],
  ['E11', /add\s+(?:column\s+)?\S+\s+(?:(?:big|small)?serial|[^;]*generated\s+always\s+as\s*\([^;]*stored)/i],
  ['W13', /create\s+type\s+\S+\s+as\s+enum/i],
  ['W14', /primary\s+key\s+using\s+index/i],
]

function eugeneWarns({ files }: Case, withTimeout: boolean): boolean {
  return files.some((file) => {
    if (!file.endsWith('.sql')) return false
    const text = readFileSync(file, 'utf8').replaceAll(/--[^\n]*/g, '')
    const made = new Set(
      [...text.matchAll(/create\s+table\s+(?:if\s+not\s+exists\s+)?([\w.]+)/gi)].map(([, name]) => name),
    )
    let isHeld = false
    return text.split(';').some((statement) => {
      const table = /\b(?:alter\s+table\s+(?:only\s+)?|\son\s+(?:only\s+)?)([\w.]+)/i.exec(statement)?.[1]
      if (table !== undefined && made.has(table)) return false
      // E4: any statement after one that takes ACCESS EXCLUSIVE; E9: a lock without a timeout.
      if (isHeld && /\S/.test(statement)) return true
      const isAltered = /^\s*(?:alter\s+table|drop\s+(?:table|index|trigger|view)|truncate)/i.test(statement)
      if (isAltered && !/validate\s+constraint|not\s+valid/i.test(statement)) isHeld = true
      const isLocked = isAltered || /^\s*create\s+(?:unique\s+)?index\s+(?!concurrently)/i.test(statement)
      if (withTimeout && isLocked && !/lock_timeout/i.test(text)) return true
      return EUGENE.some(([, pattern]) => pattern.test(statement))
    })
  })
}

console.log('| | live: caught | live, sound: warned of | rows: warned of something |\n|---|---|---|---|')
for (const [name, warns] of Object.entries(LINTERS)) {
  const count = (group: Case['group'], isSound: boolean) => {
    const some = cases.filter((one) => one.group === group && one.isSound === isSound)
    return `${some.filter(warns).length} of ${some.length}`
  }
  // A folder that is sound for rows may still stop others, so a linter's warning about it can be true.
  console.log(`| ${name} | ${count('live', false)} | ${count('live', true)} | ${count('rows', false)} |`)
}
for (const one of cases) {
  const said = Object.entries(LINTERS).map(([name, warns]) => `${name}: ${warns(one) ? 'warns' : '-'}`)
  if (process.env.EACH) console.log(one.group, one.isSound ? 'sound ' : 'defect', one.name, said.join('; '))
}
