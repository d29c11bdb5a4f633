/**
 * Records which objects each migration created and removed, as far as a watch observed it. A down has to undo exactly
 * that.
 */

import type { Version } from '../migrate/version.ts'

/** The objects of a database, one string each, such as `table public.users` or `column name text on public.users`. */
export type Shape = ReadonlySet<string>

/** Differences that remain after migrations were undone. */
export interface Leftovers {
  /** Objects that the migrations created and that still exist. */
  readonly left: readonly string[]
  /** Objects that existed before the migrations and do not exist any more. */
  readonly missing: readonly string[]
  /**
   * Versions of the migrations that created or removed those objects; empty if an object is missing that none of them
   * created.
   */
  readonly of: readonly Version[]
}

interface Effect {
  /** Fingerprint of the up that had this effect. */
  readonly fingerprint: string | null
  readonly made: Shape
  readonly removed: Shape
}

export class Effects {
  readonly #known = new Map<Version, Effect>()

  /** Records the effect of a migration. @param before the shape before it @param after the shape after it */
  record(version: Version, fingerprint: string | null, before: Shape, after: Shape): void {
    this.#known.set(version, { fingerprint, made: without(after, before), removed: without(before, after) })
  }

  forget(version: Version): void {
    this.#known.delete(version)
  }

  clear(): void {
    this.#known.clear()
  }

  /** Serializes the effects for the next watch, which reads them with {@link load}. */
  toString(): string {
    return JSON.stringify(
      [...this.#known].map(([version, { fingerprint, made, removed }]) => [
        version,
        fingerprint,
        [...made],
        [...removed],
      ]),
    )
  }

  /** Loads the saved effects of migrations that are still applied with the same fingerprint. */
  load(text: string, applied: readonly { readonly version: Version; readonly fingerprint: string | null }[]): void {
    const fingerprints = new Map(applied.map(({ version, fingerprint }) => [version, fingerprint]))
    for (const [version, fingerprint, made, removed] of JSON.parse(text) as Saved[]) {
      if (fingerprint !== null && fingerprints.get(version) === fingerprint)
        this.#known.set(version, { fingerprint, made: new Set(made), removed: new Set(removed) })
    }
  }

  /**
   * Compares the shapes before and after migrations were undone with the known effects of those migrations.
   * @param undone versions of the migrations, lowest first
   * @returns the remaining differences; undefined if the effect of one of the migrations is unknown
   */
  leftBy(undone: readonly Version[], before: Shape, now: Shape): Leftovers | undefined {
    const made = new Map<string, Version>()
    const removed = new Map<string, Version>()
    for (const version of undone) {
      const effect = this.#known.get(version)
      if (!effect) return undefined
      for (const object of effect.made) if (!removed.delete(object)) made.set(object, version)
      for (const object of effect.removed) if (!made.delete(object)) removed.set(object, version)
    }
    const left = [...made.keys()].filter((object) => now.has(object))
    const notBack = [...removed.keys()].filter((object) => !now.has(object))
    // Objects that the user added to tables of the migrations are dropped together with those tables.
    const tables = new Set([...made.keys()].flatMap((object) => RELATION.exec(object)?.[1] ?? []))
    // A column that exists with another type does not count as missing. Its values are handled with the rows.
    const there = new Set([...now, ...made.keys(), ...removed.keys()].map(identity))
    const gone = [...without(before, now)].filter(
      (object) => !made.has(object) && !tables.has(ON.exec(object)?.[1] ?? '') && !there.has(identity(object)),
    )
    const of = new Set([...left.map((object) => made.get(object)), ...notBack.map((object) => removed.get(object))])
    const versions = gone.length > 0 ? [] : [...of].filter((version) => version !== undefined)
    return { left, missing: [...notBack, ...gone], of: versions }
  }
}

/**
 * Returns a text that describes leftovers; undefined if there are none. If a whole table is left, its columns and
 * indexes are not listed.
 */
export function leftoversText({ left, missing }: Pick<Leftovers, 'left' | 'missing'>): string | undefined {
  const parts = [
    left.length > 0 ? `left ${listed(left)}` : '',
    missing.length > 0 ? `did not restore ${listed(missing)}` : '',
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(' and ') : undefined
}

// --- internal ---

const MOST_NAMED = 4

/** A version, the fingerprint of its up, and the objects that the up created and removed. */
type Saved = [Version, string | null, string[], string[]]

/** Matches an object that has columns or values, and captures its name. */
const RELATION = /^(?:table|view|materialized view|foreign table|type) (.*)$/
const ON = /^(?:column|constraint|index|trigger|policy) .* on (.*)$/

function without(some: Shape, others: Shape): Set<string> {
  return new Set([...some].filter((object) => !others.has(object)))
}

/** Returns the object without a column's type, since a column whose type was changed is still the same column. */
function identity(object: string): string {
  return object.replace(/^column ("(?:[^"]|"")+"|\S+) .* on /, 'column $1 on ')
}

function listed(objects: readonly string[]): string {
  const whole = new Set(objects.flatMap((object) => RELATION.exec(object)?.[1] ?? []))
  const isPart = (object: string) =>
    whole.has(ON.exec(object)?.[1] ?? '') || whole.has(/^value .* of type (.*)$/.exec(object)?.[1] ?? '')
  const named = objects.filter((object) => !isPart(object))
  const more = named.length > MOST_NAMED ? ` and ${named.length - MOST_NAMED} more` : ''
  return `${named.slice(0, MOST_NAMED).join(', ')}${more}`
}
