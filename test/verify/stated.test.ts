/** A loss of values that a file declares is no finding any more; everything else still is. */
import { describe, expect, test } from 'vitest'
import { memory } from '../../src/source/memory.ts'
import { covers } from '../../src/verify/allow.ts'
import { Halves } from '../../src/verify/halves.ts'
import { Judge } from '../../src/verify/judge.ts'
import type { RuleId } from '../../src/verify/rules.ts'
import { readStated } from '../../src/verify/stated.ts'

async function statedIn(text: string, name = '7_x.up.sql') {
  const source = memory({ [name]: text })
  const [half] = (await Halves.read(source, await source.list(), 'postgres')).all()
  if (!half) throw new Error('not read')
  return readStated(half, 'postgres')
}

const observed = (rule: RuleId, ...objects: string[]) =>
  ({ rule, version: 7, half: 'up', line: 2, objects, message: 'x' }) as const

describe('a line', () => {
  test.for([
    ['destroys column users.old', 'values-dropped', 'users.old', true],
    ['destroys column users.old', 'rows-changed', 'users.old', true],
    ['destroys column users.old', 'values-dropped', 'users.older', false],
    ['destroys column users.old', 'values-dropped', 'app.users.old', false],
    ['destroys column users.old', 'rows-lost', 'users.old', false],
    ['destroys column public."Users"."Old"', 'values-dropped', 'Users.Old', true],
    ['destroys table app.users', 'rows-deleted', 'app.users', true],
    ['destroys table app.users', 'values-dropped', 'app.users.name', true],
    ['destroys table users', 'rows-lost', 'users', false],
    ['destroys table users', 'rows-deleted', 'orders', false],
    ['overwrites column users.age', 'rows-changed', 'users.age', true],
    ['overwrites column users.age', 'values-dropped', 'users.age', false],
    ['does-not-restore column users.age', 'rows-changed', 'users.age', true],
    ['destroys sequence ids', 'counter-goes-back', 'ids', false],
  ] as const)('%s: %s of %s', async ([line, rule, object, isCovered]) => {
    const stated = await statedIn(`select 1;\n-- migrate: ${line}\nselect 2`)
    expect(stated.some((one) => covers(one, observed(rule, object)))).toBe(isCovered)
  })

  test('is read in SQL and in code, but not in a literal, and names its place', async () => {
    const [one] = await statedIn('-- migrate: destroys table t\ndrop table t')
    expect(one).toMatchObject({ at: '7_x.up.sql:1', reason: 'the file says that it destroys table t' })
    const code = {
      version: 7,
      half: 'up',
      file: '7_x.ts',
      kind: 'code',
      statements: [],
      isUndone: false,
      irreversible: undefined,
    } as const
    expect(readStated({ ...code, text: 'await 1\n  // migrate: destroys table t\n' }, 'postgres')[0]).toMatchObject({
      at: '7_x.ts:2',
      about: 't',
    })
    expect(await statedIn("select '\n-- migrate: destroys table t\n'")).toEqual([])
  })

  test('that nothing is found for is no finding, unlike an allow', async () => {
    const judge = new Judge({}, await statedIn('-- migrate: destroys table t\ndrop table t'))
    expect(judge.unused(['rows'], new Set([7]))).toEqual([])
    expect(judge.judge(observed('rows-deleted', 't'))?.allowed?.at).toBe('7_x.up.sql:1')
  })
})
