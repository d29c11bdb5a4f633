/** Questions about the values of enums: renamed, or gone with rows that may have them. */
import type { Schema } from '../../schema/schema.ts'
import { type Answered, type Question, renameQuestion } from '../questions/questions.ts'
import { factsOf, isKind, sideOf } from './side.ts'

export function enumQuestions(from: Schema, to: Schema, { answers, notRenamed }: Answered): Question[] {
  const before = sideOf(from)
  const after = sideOf(to)
  return from.objects.flatMap((was): Question[] => {
    if (!isKind('type', was)) return []
    const renamedTo = answers.renames.find(({ kind, old }) => kind === 'type' && old === was.name)?.new ?? was.name
    const now = after.objects.get(`type ${renamedTo}`)
    if (!now || !isKind('type', now)) return []
    const old = factsOf(before, was).labels
    const labels = factsOf(after, now).labels
    if (!old || !labels) return []
    const renames = new Map(
      answers.renames
        .filter(({ kind, old: name }) => kind === 'value' && name.startsWith(`${was.name}.`))
        .map((one) => [one.old.slice(was.name.length + 1), one.new]),
    )
    const come = labels.filter(
      (label) => !old.includes(label) && ![...renames.values()].some((name) => name.endsWith(`.${label}`)),
    )
    const isUsed = (before.usersOf.get(`type ${was.name}`) ?? []).some(({ user, userObject }) =>
      user.startsWith(`${userObject}/column `),
    )
    return old.flatMap((label, i): Question[] => {
      const name = `${was.name}.${label}`
      if (labels.includes(label) || renames.has(label)) return []
      const inPlace = come.filter((other) => labels.indexOf(other) === i)
      if (
        inPlace.length > 0 &&
        old.length === labels.length &&
        !notRenamed.has('all') &&
        !notRenamed.has(`rename value ${name}`)
      )
        return [
          renameQuestion(
            'value',
            name,
            inPlace.map((other) => `${now.name}.${other}`),
          ),
        ]
      if (!isUsed || answers.map.has(name)) return []
      return [
        {
          id: `map ${name}`,
          kind: 'map',
          object: `value ${name}`,
          candidates: labels,
          why: `value ${name} is gone: what do the rows get that have it?`,
          flag: `--map "${name}=${labels[0] ?? ''}"`,
        },
      ]
    })
  })
}
