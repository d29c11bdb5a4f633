import { expect, test } from 'vitest'
import { isOfThisProcess, textOfOptions } from '../../src/source/identity.ts'

class Plugin {
  readonly name = 'plugin'
}

test('plain options have the same text everywhere', () => {
  const options = { table: 'x', list: [1n, 2], at: new Date(0), pattern: /a+/i }
  expect(textOfOptions(options)).toBe('{"table":"x","list":["1n",2],"at":"1970-01-01T00:00:00.000Z","pattern":"/a+/i"}')
  expect(isOfThisProcess(textOfOptions(options))).toBe(false)
})

test.for([
  ['a function', () => () => 1],
  ['an instance of a class', () => new Plugin()],
  ['a class', () => class {}],
] as const)('%s has a text of its own, which holds in this process only', ([, make]) => {
  const [one, two] = [make(), make()]
  const text = textOfOptions({ deep: [{ one }] })
  expect(isOfThisProcess(text)).toBe(true)
  expect(textOfOptions({ deep: [{ one }] })).toBe(text)
  expect(textOfOptions({ deep: [{ one: two }] })).not.toBe(text)
})
