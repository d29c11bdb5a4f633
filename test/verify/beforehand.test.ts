/** Works of checks that are done before their turn. */
import { expect, test } from 'vitest'
import { Beforehand } from '../../src/verify/beforehand.ts'

/** Works that finish when they are told to, and say when they begin. */
function works() {
  const begun: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const work = (name: string) => () => {
    begun.push(name)
    return new Promise<string>((resolve, reject) =>
      ends.set(name, (error) => (error ? reject(error) : resolve(`result of ${name}`))),
    )
  }
  const end = async (name: string, error?: Error) => {
    ends.get(name)?.(error)
    await new Promise(setImmediate)
  }
  return { begun, work, end }
}

test('one line in order, the lines beside each other, as soon as two checks come one behind the other', async () => {
  const { begun, work, end } = works()
  const beforehand = new Beforehand()
  const a = beforehand.plan('steps', 'a', work('a'))
  const b = beforehand.plan('steps', 'b', work('b'))
  const c = beforehand.plan('straight', 'c', work('c'))
  beforehand.order(['first', 'a', 'b', 'c'])
  beforehand.turn('first')
  expect(begun).toEqual([])
  beforehand.turn('a')
  await end('none')
  expect(begun).toEqual(['a', 'c'])
  await end('a')
  expect(begun).toEqual(['a', 'c', 'b'])
  await end('b')
  await end('c')
  expect(await Promise.all([a(), b(), c()])).toEqual(['result of a', 'result of b', 'result of c'])
  expect(begun).toEqual(['a', 'c', 'b'])
})

test('a line in the order of the checks, whatever was planned first', async () => {
  const { begun, work, end } = works()
  const beforehand = new Beforehand()
  beforehand.plan('straight', 'sample', work('sample'))
  beforehand.plan('straight', 'up', work('up'))
  beforehand.order(['first', 'up', 'sample'])
  beforehand.turn('first')
  beforehand.turn('up')
  await end('none')
  expect(begun).toEqual(['up'])
  await end('up')
  expect(begun).toEqual(['up', 'sample'])
})

test('nothing is done for a check alone, for checks that are not wanted, or where it is not allowed', async () => {
  const { begun, work } = works()
  const beforehand = new Beforehand()
  beforehand.plan('steps', 'a', work('a'))
  beforehand.plan('steps', 'b', work('b'))
  beforehand.plan('steps', 'unwanted', work('unwanted'))
  beforehand.turn('a')
  beforehand.turn('b')
  expect(begun).toEqual([])
  beforehand.order(['x', 'a', 'y', 'b'])
  beforehand.turn('x')
  beforehand.turn('b')
  await new Promise(setImmediate)
  expect(begun).toEqual([])
})

test('the failure of a work is that of its check; the line goes on, unless it is the end of it', async () => {
  const { begun, work, end } = works()
  const beforehand = new Beforehand()
  const isEnd = (error: unknown) => (error as Error).message === 'the end'
  const [a, b, c] = ['a', 'b', 'c'].map((name) => beforehand.plan('steps', name, work(name), isEnd))
  beforehand.order(['first', 'a', 'b', 'c'])
  beforehand.turn('first')
  beforehand.turn('a')
  await end('none')
  await end('a', new Error('not the end'))
  await end('b', new Error('the end'))
  expect(begun).toEqual(['a', 'b'])
  await expect(a?.()).rejects.toThrow('not the end')
  await expect(b?.()).rejects.toThrow('the end')
  // Its check does the work itself.
  const last = c?.()
  await end('none')
  expect(begun).toEqual(['a', 'b', 'c'])
  await end('c')
  expect(await last).toBe('result of c')
})

test('a check that runs again works again', async () => {
  let times = 0
  const beforehand = new Beforehand()
  const a = beforehand.plan('steps', 'a', async () => ++times)
  beforehand.order(['first', 'a'])
  beforehand.turn('first')
  beforehand.turn('a')
  expect([await a(), await a()]).toEqual([1, 2])
})

test('stop waits for what is being done, and begins nothing more', async () => {
  const { begun, work, end } = works()
  const beforehand = new Beforehand()
  beforehand.plan('steps', 'a', work('a'))
  beforehand.plan('steps', 'b', work('b'))
  beforehand.order(['first', 'a', 'b'])
  beforehand.turn('first')
  beforehand.turn('a')
  await end('none')
  let stopped = false
  const stopping = beforehand.stop().then(() => {
    stopped = true
  })
  await end('none')
  expect(stopped).toBe(false)
  await end('a')
  await stopping
  expect(begun).toEqual(['a'])
})
