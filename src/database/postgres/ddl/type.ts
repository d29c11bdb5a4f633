/** The DDL of enums, composite types, ranges and domains. */
import type { SchemaObject } from '../../../schema/model.ts'
import type { TypeFacts } from '../catalog/facts.ts'
import { comment, extras, object } from './object.ts'

export function describeType(facts: TypeFacts): SchemaObject {
  const { name, form } = facts
  const more = extras(form === 'd' ? `DOMAIN ${name}` : `TYPE ${name}`, facts)
  if (form === 'e') {
    const members = (facts.labels ?? []).map((label) => ({ key: `value ${label}`, text: label }))
    if (members.length === 0) return object('type', name, `CREATE TYPE ${name} AS ENUM ()`, { more })
    // The order of an enum's values is part of its definition, so they are compared as one text.
    const labels = members.map(({ text }) => text).join(', ')
    return object('type', name, `CREATE TYPE ${name} AS ENUM (${labels})`, { more })
  }
  if (form === 'c') {
    const attributes = facts.attributes ?? []
    const members = attributes.map(([attribute, type]) => ({
      key: `attribute ${attribute}`,
      text: `${attribute} ${type}`,
    }))
    const comments = attributes.flatMap(([attribute, , text]) => comment(`COLUMN ${name}.${attribute}`, text))
    return object('type', name, `CREATE TYPE ${name} AS (${members.length === 0 ? ')' : ''}`, {
      members,
      tail: members.length === 0 ? ';' : ');',
      more: [...more, ...comments],
    })
  }
  if (facts.range) {
    const { subtype, diff, canonical, opclass, collation, multirange } = facts.range
    const parts = [
      `SUBTYPE = ${subtype}`,
      diff && `SUBTYPE_DIFF = ${diff}`,
      canonical && `CANONICAL = ${canonical}`,
      opclass && `SUBTYPE_OPCLASS = ${opclass}`,
      collation && `COLLATION = ${collation}`,
      multirange && `MULTIRANGE_TYPE_NAME = ${multirange}`,
    ]
    return object('type', name, `CREATE TYPE ${name} AS RANGE (${parts.filter(Boolean).join(', ')})`, { more })
  }
  const checks = facts.constraints ?? []
  const parts = [
    `CREATE DOMAIN ${name} AS ${facts.base}`,
    facts.collation && `COLLATE ${facts.collation}`,
    facts.default !== null && `DEFAULT ${facts.default}`,
    facts.notNull && `${facts.notNullName ? `CONSTRAINT ${facts.notNullName} ` : ''}NOT NULL`,
    ...checks
      .filter(([, , valid]) => valid)
      .map(([constraint, definition]) => `CONSTRAINT ${constraint} ${definition}`),
  ]
  const unproven = checks
    .filter(([, , valid]) => !valid)
    .map(([constraint, definition]) => `ALTER DOMAIN ${name} ADD CONSTRAINT ${constraint} ${definition};`)
  return object('type', name, parts.filter(Boolean).join(' '), {
    more: [
      ...unproven,
      ...more,
      ...(facts.notNullName ? comment(`CONSTRAINT ${facts.notNullName} ON DOMAIN ${name}`, facts.notNullComment) : []),
      ...checks.flatMap(([constraint, , , text]) => comment(`CONSTRAINT ${constraint} ON DOMAIN ${name}`, text)),
    ],
  })
}
