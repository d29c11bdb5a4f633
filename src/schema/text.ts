/** Writes a schema as canonical DDL text. */
import type { Objects, SchemaObject } from './model.ts'

/**
 * Returns the statements one after another, those of one object together. The text ends with a newline unless it is
 * empty.
 */
export function schemaText({ objects }: Objects): string {
  const blocks: string[] = []
  let table: string | undefined
  for (const object of objects) {
    const owner = object.table ?? (object.kind === 'table' || object.kind === 'view' ? object.name : undefined)
    // Objects that belong to a table follow it directly; every other object is a separate paragraph.
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
