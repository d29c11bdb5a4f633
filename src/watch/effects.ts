/** Which objects each migration made and removed, as far as this watch saw it: a down has to undo just that. */

/** Objects of a database, one line each, as `table public.users` or `column public.users.name text`. */
export type Shape = ReadonlySet<string>

/** Differences that remain after migrations were undone. */
export interface Leftovers {
  /** Objects that the migrations made and that are still there. */
  readonly left: readonly string[]
  /** Objects that are not there, though they were there below the migrations. */
  readonly missing: readonly string[]
  /** Versions of the migrations that made or removed those objects; empty where none of them did. */
  readonly of: readonly number[]
}

interface Effect {
  /** Of the up that had this effect. */
  readonly fingerprint: string | null
  readonly made: Shape
  readonly removed: Shape
}

export class Effects {
  readonly #known = new Map<number, Effect>()

  /** @param before the shape below the migration. @param after the shape with it */
  record(version: number, fingerprint: string | null, before: Shape, after: Shape): void {
    this.#known.set(version, { fingerprint, made: without(after, before), removed: without(before, after) })
  }

  forget(version: number): void {
    this.#known.delete(version)
  }

  clear(): void {
    this.#known.clear()
  }

  /** For the next watch. {@link load} reads it. */
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

  /** Of migrations that were applied again meanwhile, with another text, nothing is known. */
  load(text: string, applied: readonly { readonly version: number; readonly fingerprint: string | null }[]): void {
    const fingerprints = new Map(applied.map(({ version, fingerprint }) => [version, fingerprint]))
    for (const [version, fingerprint, made, removed] of JSON.parse(text) as Saved[]) {
      if (fingerprint !== null && fingerprints.get(version) === fingerprint)
        this.#known.set(version, { fingerprint, made: new Set(made), removed: new Set(removed) })
    }
  }

  /**
   * Compares the shapes before and after migrations were undone with what is known of them.
   * @param undone versions. @returns undefined where not all of them are known
   */
  leftBy(undone: readonly number[], before: Shape, now: Shape): Leftovers | undefined {
    const made = new Map<string, number>()
    const removed = new Map<string, number>()
    for (const version of [...undone].sort((a, b) => a - b)) {
      const effect = this.#known.get(version)
      if (!effect) return undefined
      for (const object of effect.made) if (!removed.delete(object)) made.set(object, version)
      for (const object of effect.removed) if (!made.delete(object)) removed.set(object, version)
    }
    const left = [...made.keys()].filter((object) => now.has(object))
    const notBack = [...removed.keys()].filter((object) => !now.has(object))
    // Objects that somebody added to the migrations' own tables go with those tables.
    const tables = new Set([...made.keys()].flatMap((object) => RELATION.exec(object)?.[1] ?? []))
    // A column that is there with another type is there: its values are looked after with the rows.
    const there = new Set([...now, ...made.keys(), ...removed.keys()].map(identity))
    const gone = [...without(before, now)].filter(
      (object) => !made.has(object) && !tables.has(ON.exec(object)?.[1] ?? '') && !there.has(identity(object)),
    )
    const of = new Set([...left.map((object) => made.get(object)), ...notBack.map((object) => removed.get(object))])
    const versions = gone.length > 0 ? [] : [...of].filter((version) => version !== undefined)
    return { left, missing: [...notBack, ...gone], of: versions }
  }
}

/** Undefined where nothing is left and nothing is missing. Of a table that is left, its columns and indexes are not named. */
export function leftoversText({ left, missing }: Pick<Leftovers, 'left' | 'missing'>): string | undefined {
  const parts = [
    left.length > 0 ? `left ${listed(left)}` : '',
    missing.length > 0 ? `did not give back ${listed(missing)}` : '',
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(' and ') : undefined
}

// --- internal ---

const MOST_NAMED = 4

/** A version, the fingerprint of its up, and what that made and removed. */
type Saved = [number, string | null, string[], string[]]

/** Objects that have columns or values. */
const RELATION = /^(?:table|view|materialized view|foreign table|type) (.*)$/
const ON = /^(?:column|constraint|index|trigger|policy) .* on (.*)$/

function without(some: Shape, others: Shape): Set<string> {
  return new Set([...some].filter((object) => !others.has(object)))
}

/** A column whose type somebody changed is the same column. */
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
