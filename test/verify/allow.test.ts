/** A project allows findings, with reasons; a wrong allow is a finding. */
import { expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import { readScript } from '../../src/sql/script.ts'
import { covers, optionAllows, readAllows } from '../../src/verify/allow.ts'
import type { Observation } from '../../src/verify/finding.ts'
import { Halves } from '../../src/verify/halves.ts'
import { counts, Judge } from '../../src/verify/judge.ts'
import { type VerifyOptions, verification } from '../../src/verify/verify.ts'
import { anyPostgres } from '../support/servers.ts'

async function allowsIn(text: string) {
  const source = memory({ '7_x.up.sql': text })
  const [half] = (await Halves.read(source, await source.list(), 'postgres')).all()
  if (!half) throw new Error('not read')
  return readAllows(half, 'postgres')
}

const observed = (line: number, more: Partial<Observation> = {}): Observation => ({
  rule: 'down-differs',
  version: 7,
  half: 'up',
  line,
  objects: [],
  message: 'x',
  ...more,
})

test('above a statement for it alone, above the first for the file', async () => {
  const file =
    'create table a ();\n-- migrate: allow down-differs because it is old\ncreate table b (\n);\ncreate table c ()'
  const { allows } = await allowsIn(file)
  expect(allows).toMatchObject([
    { rule: 'down-differs', reason: 'it is old', at: '7_x.up.sql:2', lines: { from: 3, to: 4 } },
  ])
  const [allow] = allows
  expect([2, 3, 4, 5].map((line) => allow && covers(allow, observed(line)))).toEqual([false, true, true, false])
  const [whole] = (await allowsIn(`-- migrate: allow down-differs because it is old\n${file}`)).allows
  expect([3, 4, 6].map((line) => whole && covers(whole, observed(line)))).toEqual([true, true, true])
  expect(whole && covers(whole, observed(3, { version: 8 }))).toBe(false)
  expect(whole && covers(whole, observed(3, { half: 'down' }))).toBe(false)
  expect(whole && covers(whole, observed(3, { rule: 'up-differs' }))).toBe(false)
})

test('an allow with a misspelt rule or without a reason is a finding that says what to write', async () => {
  const { allows, problems } = await allowsIn(
    'select 1;\n  -- migrate: allow down-difers because x\nselect 2; -- migrate: allow down-differs\n-- migrate: allow down-differs because',
  )
  expect(allows).toEqual([])
  expect(problems.map(({ rule, line, message, fix }) => [rule, line, message, fix?.text])).toEqual([
    ['allow-invalid', 2, 'There is no rule "down-difers".', 'Did you mean down-differs?'],
    [
      'allow-invalid',
      3,
      '"allow down-differs" gives no reason.',
      'Write: -- migrate: allow down-differs because REASON',
    ],
    [
      'allow-invalid',
      4,
      '"allow down-differs" gives no reason.',
      'Write: -- migrate: allow down-differs because REASON',
    ],
  ])
  const problem = (sql: string) => readScript(sql, 'postgres').problem?.message
  expect(problem('-- migrate: allow down-differs')).toBe('"allow down-differs" gives no reason')
  expect(problem('-- migrate: allow')).toBe('"allow" names no rule')
})

test('an allow is no edit of the migration', () => {
  const fingerprint = (sql: string) => readScript(sql, 'postgres').fingerprint
  expect(fingerprint('-- migrate: allow down-differs because x\nselect 1')).toBe(fingerprint('select 1'))
})

test('the option names a version and a rule, and gives a reason', () => {
  const find = (version: string) => (version === '7' ? { version: 7 } : undefined)
  const [allow] = optionAllows({ 7: { 'down-differs': 'no' } }, find)
  expect(allow && covers(allow, observed(1, { half: 'down' }))).toBe(true)
  expect(() => optionAllows({ 8: { 'down-differs': 'no' } }, find)).toThrow('allow: there is no version 8')
  expect(() => optionAllows({ 7: { 'down-difers': 'no' } }, find)).toThrow('Did you mean down-differs?')
  expect(() => optionAllows({ 7: { 'down-differs': ' ' } }, find)).toThrow('down-differs has no reason')
})

test('a level of the configuration, and less than the rule says', () => {
  const judge = (level: 'off' | 'notice' | 'warning' | undefined, more?: Partial<Observation>) =>
    new Judge(level ? { 'down-differs': level } : {}, []).judge(observed(1, more))?.severity
  expect(judge(undefined)).toBe('error')
  expect(judge('warning')).toBe('warning')
  expect(judge('off')).toBeUndefined()
  expect(judge('warning', { severity: 'notice' })).toBe('notice')
  const [finding] = new Judge({}, []).findings([observed(1)])
  expect(finding && [counts(finding), counts({ ...finding, severity: 'notice' }, 'warning')]).toEqual([true, false])
})

async function verified(files: Record<string, string>, more: Partial<VerifyOptions<unknown>> = {}) {
  const made = await verification({ server: anyPostgres, migrations: memory(files), ...more } as VerifyOptions<unknown>)
  try {
    const results = []
    for (const check of made.checks) results.push({ name: check.name, ...(await check.examine()) })
    return { results, conclusion: made.conclude(made.checks) }
  } finally {
    await made.dispose()
  }
}

const UNDONE = {
  '1_users.up.sql': 'create table users (id int primary key)',
  '1_users.down.sql': 'drop table users',
  '2_email.up.sql': 'alter table users add email text',
}

test('a finding that is allowed fails no check, and keeps its reason', async () => {
  const down = '-- migrate: allow down-differs because nobody goes back\nselect 1'
  const { results, conclusion } = await verified({ ...UNDONE, '2_email.down.sql': down })
  const trip = results.find(({ name }) => name.startsWith('2_email'))
  expect(trip).toMatchObject({
    ok: true,
    remark: 'down-differs is allowed: nobody goes back',
    findings: [
      { rule: 'down-differs', severity: 'error', allowed: { reason: 'nobody goes back', at: '2_email.down.sql:1' } },
    ],
  })
  expect(conclusion).toEqual([])
})

test('an allow that allows nothing, and one by option', async () => {
  const up = '-- migrate: allow up-differs because x\nalter table users add email text'
  const { results, conclusion } = await verified(
    { ...UNDONE, '2_email.up.sql': up },
    { allow: { 2: { 'down-missing': 'it was never written' } }, rules: { 'nil-left': 'notice' } },
  )
  expect(results.filter(({ ok }) => !ok)).toEqual([])
  expect(conclusion).toMatchObject([{ rule: 'allow-unused', severity: 'notice', file: '2_email.up.sql', line: 1 }])
})
