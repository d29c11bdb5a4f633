import { expect, test } from 'vitest'
import { InFlight } from '../../../src/database/postgres/steps/inFlight.ts'
import { NotReachedError } from '../../../src/migrate/driver.ts'

/** Notes what was sent, in order; the test gives the answers. */
function wire() {
  const sent: string[] = []
  const answers = new Map<string, PromiseWithResolvers<void>>()
  const send = (step: string) => () => {
    sent.push(step)
    const answer = Promise.withResolvers<void>()
    answers.set(step, answer)
    return answer.promise
  }
  return { sent, send, answer: (step: string) => answers.get(step) as PromiseWithResolvers<void> }
}

const turn = () => new Promise((done) => setImmediate(done))

test('a step that comes while a failed one is sent again is sent behind it', async () => {
  const { sent, send, answer } = wire()
  const steps = new InFlight()
  const third = steps.run(send('third'), async () => {
    sent.push('ROLLBACK')
    await send('third again')()
  })
  answer('third').reject(new Error('its prepared statement is gone'))
  await turn()
  const fourth = steps.run(send('fourth'), () => Promise.reject(new Error('no')))
  await turn()
  expect(sent).toEqual(['third', 'ROLLBACK', 'third again'])
  answer('third again').resolve()
  await third
  await turn()
  answer('fourth').resolve()
  await fourth
  expect(sent).toEqual(['third', 'ROLLBACK', 'third again', 'fourth'])
  expect(steps.isEmpty).toBe(true)
})

test('a step that comes while the failure of another is looked into is not sent if that has failed', async () => {
  const { sent, send, answer } = wire()
  const steps = new InFlight()
  const settling = Promise.withResolvers<void>()
  const third = steps.run(send('third'), () => settling.promise)
  answer('third').reject(new Error('first'))
  await turn()
  const fourth = steps.run(send('fourth'), () => Promise.reject(new Error('no')))
  settling.reject(new Error('syntax error'))
  await expect(third).rejects.toThrow('syntax error')
  await expect(fourth).rejects.toThrow(NotReachedError)
  expect(sent).toEqual(['third'])
})
