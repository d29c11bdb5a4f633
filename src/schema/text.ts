/** A schema as canonical DDL text. */
import type { Objects, SchemaObject } from './model.ts'

/** One statement after another, each object's own together. Ends with a newline unless there is nothing. */
export function schemaText({ objects }: Objects): string {
  const blocks: string[] = []
  let table: string | undefined
  for (const object of objects) {
    const owner = object.table ?? (object.kind === 'table' || object.kind === 'view' ? object.name : undefined)
    // What belongs to a table stands with it; everything else is a paragraph of its own.
    const joined = owner !== undefined && owner === table && object.table !== null
    const text = [statementOf(object), ...object.more].join('\n')
    if (joined) blocks.push(`${blocks.pop()}\n${text}`)
    else blocks.push(text)
    table = owner
  }
  const later = objects.flatMap((object) => object.later ?? [])
  if (later.length > 0) blocks.push(later.join('\n'))
  return blocks.length === 0 ? '' : `${blocks.join('\n\n')}\n`
}

export function statementOf({ head, members, tail }: SchemaObject): string {
  if (members.length === 0) return `${head}${tail}`
  return `${head}\n${members.map(({ text }) => `  ${text}`).join(',\n')}\n${tail}`
}
