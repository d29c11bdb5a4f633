/** Formats the events of a watch as lines for people. The first line states the outcome. */
import { styleText } from 'node:util'
import type { Carried } from '../../database/development.ts'
import { describeVersion, labelOf, NIL_VERSION } from '../../migrate/version.ts'
import { diffText } from '../../schema/diff.ts'
import type { Applied, AskedOfGenerate, Proposal, Question, RanStep, WatchEvent } from '../../watch/events.ts'
import { columns, paintedDiff, plural } from '../render.ts'

/**
 * Returns the text of an event; empty if there is nothing to print.
 * @param at the time of day, such as 13:22:41
 * @param options `keys`: `false` if none can be pressed, or how they are pressed
 */
export function eventText(
  event: WatchEvent,
  at: string,
  { width = Number.POSITIVE_INFINITY, verbose = false, keys = true }: LineOptions = {},
): string {
  switch (event.type) {
    case 'opened':
      return openedText(event, verbose)
    case 'ready':
      return styleText('dim', 'Waiting for changes.')
    case 'changed':
      return ''
    case 'unchanged':
      return event.mended
        ? headline('✓', 'green', at, `${listed(event.files)}: fixed; the database matches the files again`)
        : headline('=', 'dim', at, `${listed(event.files)}: no change in what migrations do`)
    case 'applied':
      return appliedText(event, at)
    case 'failed':
      return `${headline('✗', 'red', at, firstLine(event.error.message))}${restOf(event.error.message)}`
    case 'asked':
      return questionText(event.question, at, width)
    case 'skipped':
      return `${headline('·', 'yellow', at, 'the database was left unchanged')}${event.asked ? '' : `\n${indented(wrapped(event.why, width - 2))}`}`
    case 'idle':
      return headline('=', 'dim', at, event.why)
    case 'running':
      return headline('…', 'dim', at, `${event.step} has been running for ${event.seconds} s`)
    case 'log':
      return headline('·', 'dim', at, `${event.step}: ${event.message}`)
    case 'waiting':
      return headline('…', 'yellow', at, `waiting for ${event.why}`)
    case 'drifted':
      return `${headline('!', 'yellow', at, 'something else changed the schema:')}\n${indented(paintedDiff(diffText(event.diff)))}`
    case 'disconnected':
      return headline(
        '!',
        'yellow',
        at,
        `${sentence(event.why)} ${event.restarts ? 'Restarting the server.' : 'Waiting for the server.'}`,
      )
    case 'reconnected':
      return headline('✓', 'green', at, 'the server is back')
    case 'proposed':
      return proposalText(event.proposal, at, `${event.proposal.title} is proposed; ${generateKey(keys)} writes it`)
    case 'questions':
      return `${headline('?', 'yellow', at, `${plural(event.questions.length, 'question')} about the wanted schema; ${generateKey(keys)} asks`)}\n${indented(event.questions.map(({ why }) => why).join('\n'))}`
    case 'drafted': {
      const wrote = `${event.again ? 'wrote anew' : 'wrote'} ${listed(event.files)}`
      const left = event.fillIn === undefined ? '' : `; fill in ${event.fillIn}, and save it`
      return proposalText(event.proposal, at, `${wrote}${left}`, '✓')
    }
    case 'withdrawn':
      return headline('=', 'dim', at, `${event.why}${event.files.length > 0 ? `; removed ${listed(event.files)}` : ''}`)
    case 'finished':
      return headline('✓', 'green', at, `done: ${listed(event.files)}; what you save from now on is another migration`)
    case 'unreadable':
      return `${headline('✗', 'red', at, firstLine(event.error.message))}${restOf(event.error.message)}`
    case 'seeded':
      return headline('✓', 'green', at, `seeded: ${listed(event.files)}`)
    case 'command': {
      const failed = event.code !== 0
      const head = headline(
        failed ? '✗' : '✓',
        failed ? 'red' : 'green',
        at,
        `${event.command}${failed ? ` exited with ${event.code}` : ''}`,
      )
      return event.output && failed ? `${head}\n${indented(event.output)}` : head
    }
    case 'warning':
      return headline('!', 'yellow', at, event.message)
  }
}

// --- internal ---

interface LineOptions {
  readonly width?: number
  readonly verbose?: boolean
  readonly keys?: boolean | 'with Enter'
}

/** Returns what to press for a proposed migration, or what to type where no key can be pressed. */
function generateKey(keys: NonNullable<LineOptions['keys']>): string {
  if (keys === 'with Enter') return 'g and Enter'
  return keys ? 'g' : '"migratest generate"'
}

/** Returns a table of the rows and values that do not fit into the schema. */
function lossText({ left }: Carried): string {
  return columns(
    left.map(({ table, column, rows, why }) => [
      column === undefined ? table : `${table}.${column}`,
      plural(rows, column === undefined ? 'row' : 'value'),
      why,
    ]),
  )
}

function openedText(
  { database, server, reason, version, pending, watching }: Extract<WatchEvent, { type: 'opened' }>,
  isVerbose: boolean,
): string {
  const from = server && isVerbose ? `${server}, since ${reason}` : server
  const head = `${styleText('bold', 'migratest watch')}  ${database}, version ${describeVersion(version)}, ${pending === 0 ? 'nothing' : pending} pending`
  return [head, from && styleText('dim', from), styleText('dim', `watching ${watching}`), '']
    .filter((line, i) => line || i === 3)
    .join('\n')
}

function appliedText(applied: Applied, at: string): string {
  const { to, changes, steps, how, why, carried, diff, ms } = applied
  const back = carried.back.reduce((sum, { rows }) => sum + rows, 0)
  const total = ms.noticed + ms.planned + ms.run
  const facts = [
    changes.length > 0
      ? changes
          .slice(0, 3)
          .map((change) => `${labelOf(change)} ${WORDS[change.what]}`)
          .join(', ')
      : '',
    changes.length > 3 ? `${changes.length - 3} more` : '',
    back > 0 ? `${plural(back, 'row')} carried` : '',
  ].filter(Boolean)
  const parts = [
    headline(
      '✓',
      'green',
      at,
      `version ${describeVersion(to)}${how === 'rebuilt' ? ', rebuilt' : ''} in ${Math.round(total)} ms${facts.length > 0 ? `: ${facts.join(', ')}` : ''}`,
    ),
    indented(stepsText(steps)),
    how === 'stepwise'
      ? indented(styleText('yellow', `one by one, not in one transaction${why ? `: ${firstLine(why)}` : ''}`))
      : '',
    carried.left.length > 0
      ? `${indented(styleText('yellow', 'kept aside until the schema has a place for them:'))}\n${indented(lossText(carried), 4)}`
      : '',
    // In a new database the diff would be the whole schema, so do not print it.
    diff.changes.length > 0 && applied.from !== NIL_VERSION ? `\n${indented(paintedDiff(diffText(diff)))}\n` : '',
  ]
  return parts.filter(Boolean).join('\n')
}

const WORDS = { edited: 'edited', gone: 'removed', late: 'added late', new: 'new', down: 'down recorded' } as const

const MOST_STEPS = 6

function stepsText(steps: readonly RanStep[]): string {
  const rows = (['down', 'up'] as const).flatMap((direction) => {
    const some = steps.filter((step) => step.direction === direction)
    const arrow = direction === 'down' ? '↓' : '↑'
    const [first] = some
    const last = some.at(-1)
    if (some.length > MOST_STEPS && first && last) {
      const ms = some.reduce((sum, step) => sum + step.ms, 0)
      return [[arrow, `${plural(some.length, 'migration')}, ${labelOf(first)} … ${labelOf(last)}`, '', took(ms)]]
    }
    return some.map((step) => [arrow, labelOf(step), step.origin === 'record' ? 'as recorded' : '', took(step.ms)])
  })
  return rows.length > 0 ? styleText('dim', columns(rows)) : ''
}

const MOST_LINES = 20

/** Returns what happens with a proposed migration, and the statements of its up. */
function proposalText({ up, remark, left }: Proposal, at: string, what: string, sign: '?' | '✓' = '?'): string {
  const lines = up.trimEnd().split('\n')
  const shown = lines.slice(0, MOST_LINES).join('\n')
  const rest = lines.length > MOST_LINES ? `\n… ${plural(lines.length - MOST_LINES, 'more line')}` : ''
  const notes = [
    left.length > 0 ? `left alone, because the command knows none: ${left.join(', ')}` : '',
    remark === undefined ? '' : `note: ${remark}`,
  ].filter(Boolean)
  return [
    headline(sign, sign === '?' ? 'yellow' : 'green', at, what),
    indented(`${shown}${rest}`, 4),
    ...notes.map((note) => indented(note)),
  ].join('\n')
}

function questionText(question: Question | AskedOfGenerate, at: string, width: number): string {
  if (question.about === 'generate') return generateQuestionText(question, at)
  if (question.about === 'row-limit') return headline('?', 'yellow', at, question.why)
  const { changes, why, loss } = question
  const what = changes.map((change) => `${labelOf(change)} ${WORDS[change.what]}`)
  const head = `${headline('?', 'yellow', at, `${listed(what)}, but it cannot be undone`)}\n${indented(wrapped(why, width - 2))}`
  const lost =
    loss === undefined
      ? '  The database can be rebuilt from all migrations; rows that then have no place are kept aside.'
      : loss.left.length === 0
        ? '  The database can be rebuilt from all migrations, and all rows are carried.'
        : `  The database can be rebuilt from all migrations; what then has no place is kept aside:\n${indented(lossText(loss), 4)}`
  return `${head}\n${lost}`
}

function generateQuestionText({ question, choices }: AskedOfGenerate, at: string): string {
  const head = headline('?', 'yellow', at, question.why)
  return choices.length === 0 ? head : `${head}\n${choices.map(({ label }, i) => `  ${i + 1}  ${label}`).join('\n')}`
}

/** Adds a full stop if the text has no punctuation at its end. */
function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}

function headline(sign: string, colour: 'green' | 'red' | 'yellow' | 'dim', at: string, text: string): string {
  return `${styleText(colour, sign)} ${styleText('dim', at)}  ${text}`
}

function took(ms: number): string {
  return `${ms.toFixed(1)} ms`
}

function listed(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

/** Returns the text after the first line, indented. */
function restOf(text: string): string {
  const rest = text.split('\n').slice(1).join('\n')
  return rest.trim() === '' ? '' : `\n${indented(rest)}`
}

/** Wraps text between words. Lines of a code frame are not wrapped. */
function wrapped(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => (/^[> ]/.test(line) ? line : brokenLine(line, width)))
    .join('\n')
}

function brokenLine(text: string, width: number): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.join('\n')
}

function indented(text: string, by = 2): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(by))
}
