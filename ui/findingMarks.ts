/** The marks of findings: each severity has a shape of its own. */

/** Stands for the checks of all migrations together. */
export const ALL = 'all migrations'

export const MARKS = { error: '✗', warning: '!', notice: '·', ok: '✓', 'not-run': '?' } as const
export type Mark = keyof typeof MARKS

export const WORDS: Readonly<Record<Mark, string>> = {
  error: 'error',
  warning: 'warning',
  notice: 'notice',
  ok: 'passed',
  'not-run': 'could not run',
}
