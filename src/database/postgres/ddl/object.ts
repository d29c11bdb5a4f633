/** The DDL that all kinds of objects have: the object itself, owner, comment, privileges. */
import type { ObjectKind, SchemaColumn, SchemaMember, SchemaObject } from '../../../schema/model.ts'
import type { Acl, OwnedFacts, Privilege } from '../catalog/facts.ts'
import { literal } from '../tables.ts'

interface Parts {
  readonly table?: string
  readonly members?: readonly SchemaMember[]
  readonly tail?: string
  readonly more?: readonly (string | false | null | undefined)[]
  readonly columns?: readonly SchemaColumn[]
  readonly later?: readonly string[]
}

export function object(kind: ObjectKind, name: string, head: string, parts: Parts = {}): SchemaObject {
  return {
    kind,
    name,
    table: parts.table ?? null,
    head,
    members: parts.members ?? [],
    tail: parts.tail ?? ';',
    more: (parts.more ?? []).filter((line) => typeof line === 'string'),
    columns: parts.columns ?? [],
    ...(parts.later && parts.later.length > 0 && { later: parts.later }),
  }
}

/**
 * Returns the statements for owner, comment and privileges. `what`: kind and name, such as `VIEW users`; `granted`: the
 * same as GRANT writes it, `TABLE users`.
 */
export function extras(what: string, facts: OwnedFacts, granted = what): string[] {
  return [
    ...(facts.owner ? [`ALTER ${what} OWNER TO ${facts.owner};`] : []),
    ...comment(what, facts.comment),
    ...grants(granted, facts.acl),
  ]
}

export function comment(what: string, text: string | null): string[] {
  return text === null ? [] : [`COMMENT ON ${what} IS ${literal(text).trim()};`]
}

/** @param what kind and name, as ALTER writes them */
export function companions(what: string, extensions: readonly string[] | null): string[] {
  return (extensions ?? []).map((extension) => `ALTER ${what} DEPENDS ON EXTENSION ${extension};`)
}

/**
 * Returns one GRANT per grantee.
 * @param prefix for default privileges; `column`: a column whose privileges these are
 */
export function grants(what: string, acl: Acl | null, { prefix = '', column = '' } = {}): string[] {
  const list = (privileges: readonly Privilege[] | null | undefined) => {
    const by = new Map<string, string[]>()
    for (const [grantee, privilege, grantable] of privileges ?? []) {
      const key = `${grantee}${grantable ? ' WITH GRANT OPTION' : ''}`
      by.set(key, [...(by.get(key) ?? []), column ? `${privilege} (${column})` : privilege])
    }
    const all = acl?.all?.length ?? 0
    return [...by]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, names]): [string, string[]] => [key, all > 1 && names.length === all ? ['ALL'] : names])
  }
  return [
    ...list(acl?.revoked).map(
      ([grantee, privileges]) =>
        `${prefix}REVOKE ${privileges.join(', ')} ON ${what} FROM ${grantee.replace(/ WITH GRANT OPTION$/, '')};`,
    ),
    ...list(acl?.granted).map(
      ([grantee, privileges]) => `${prefix}GRANT ${privileges.join(', ')} ON ${what} TO ${grantee};`,
    ),
  ]
}

/** Returns the last part of a qualified name: an index is named without its schema if its table was already named. */
export function lastPart(name: string): string {
  return /(?:"(?:[^"]|"")*"|[^".]+)$/.exec(name)?.[0] ?? name
}
