import { expect, test } from 'vitest'
import { textMatching } from '../../src/fill/pattern.ts'

const EXPRESSIONS = [
  '^[A-Z]{3}-[0-9]{4}$',
  '^DE\\d{2}[0-9]{18}$',
  '^[a-z][a-z0-9_]{2,15}$',
  '^(open|done|in progress)$',
  '^\\+?[1-9]\\d{1,14}$',
  '^#(?:[0-9a-f]{3}|[0-9a-f]{6})$',
  '^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$',
  '^v\\d+\\.\\d+(\\.\\d+)?$',
  '^[\\w.-]+$',
  'x.y*z+',
  '^[]a]b$',
]

test.for(EXPRESSIONS)('texts that match %s', (expression) => {
  // In JavaScript a bracket that begins a class has to be escaped.
  const pattern = new RegExp(expression.replace('[]a]', '[\\]a]'))
  for (const i of [0, 1, 2, 37, 1000]) expect(textMatching(expression, i)).toMatch(pattern)
})

test('different rows have different texts where the expression allows it', () => {
  const texts = Array.from({ length: 200 }, (_, i) => textMatching('^[A-Z]{3}-[0-9]{4}$', i))
  expect(new Set(texts).size).toBe(200)
})

test('classes with names', () => {
  expect(textMatching('^[[:upper:]]{2}[[:digit:]]$', 5)).toMatch(/^[A-Z]{2}\d$/)
})

test.for(['(?=a)b', '(a', '[a', '^a)'])('%s is not understood', (expression) => {
  expect(textMatching(expression, 0)).toBeUndefined()
})
