import { expect, test } from 'vitest'
import { waitingFor } from '../../src/server/waiting.ts'

test('waiting for a server ends after its time, and a pause in which this process was busy counts as a second', () => {
  let time = 0
  const after = (ms: number) => {
    time += ms
    return mayWait()
  }
  const mayWait = waitingFor(3000, () => time)
  expect(after(60_000)).toBe(true)
  expect([after(900), after(900)]).toEqual([true, true])
  expect(after(200)).toBe(false)
})
