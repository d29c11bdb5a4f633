/** The checks whether migrations depend on the settings of the session in which they run, or on the moment. */
import type { ObservedStatement, StatementObserver } from '../../migrate/driver.ts'
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, versionOf } from '../../migrate/version.ts'
import type { ObjectKind } from '../../schema/model.ts'
import { Schema } from '../../schema/schema.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Observation } from '../finding.ts'
import type { Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import { placeNaming } from '../statementAt.ts'
import type { Verified } from '../verified.ts'
import { OTHER_SEARCH_PATH, type Setting, settingsOf } from './settings.ts'
import { WayDatabase } from './wayDatabase.ts'
import { type Difference, differenceOf, instability, type Whole } from './whole.ts'

export class SessionChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  #usual: Promise<Whole> | undefined
  #again: Promise<Whole> | undefined

  constructor(verified: Verified<Client>, halves: Halves, make: MakeCheck) {
    this.#verified = verified
    this.#halves = halves
    this.#make = make
  }

  checks(): Check[] {
    const check = (id: string, name: string, work: () => Promise<Observed>) =>
      this.#make({ id, group: 'session', name, version: undefined }, work)
    return [
      check('run-twice', 'run twice: the same schema', () => this.#twice()),
      check('settings', 'under other settings of the session: the same schema and rows', () => this.#settings()),
    ]
  }

  // --- internal ---

  #usually(): Promise<Whole> {
    this.#usual ??= this.#run(undefined)
    return this.#usual
  }

  #onceMore(): Promise<Whole> {
    this.#again ??= this.#run(undefined)
    return this.#again
  }

  async #twice(): Promise<Observed> {
    const difference = instability(await this.#usually(), await this.#onceMore())
    if (!difference) return {}
    return {
      observations: [
        {
          rule: 'not-deterministic',
          objects: difference.objects,
          message: 'Two runs on two new databases, one after the other, do not end in the same.',
          fix: { text: 'Give names that do not depend on the moment or on chance.' },
          evidence: { diff: difference.text },
        },
      ],
    }
  }

  async #settings(): Promise<Observed> {
    const { dialect } = this.#verified.options.server
    const { known, unknown } = await this.#known(settingsOf(dialect))
    const observations: Observation[] = []
    // All of them at once are one run. Two values of one setting are two.
    const rounds = [known.filter((one) => first(one, known) === one), known.filter((one) => first(one, known) !== one)]
    for (const round of rounds.filter(({ length }) => length > 0)) {
      if (!(await this.#differs(round))) continue
      for (const setting of round) {
        const found = await this.#differs([setting])
        if (found) observations.push(...(await this.#observations(setting, found)))
      }
    }
    if (dialect === 'postgres') {
      const error = await this.#differs([OTHER_SEARCH_PATH]).catch((thrown: unknown) => thrown)
      // That everything is in another schema is what the setting is for.
      if (error instanceof MigrationFailedError)
        observations.push(...(await this.#observations(OTHER_SEARCH_PATH, error)))
    }
    const clock = dialect === 'mysql' ? [] : ['the clock cannot be set for a session']
    const missed = [...unknown.map((one) => `this server does not have ${one}`), ...clock]
    return { observations, ...(missed.length > 0 && { remark: missed.join('; ') }) }
  }

  /** Finds out which settings the server has, and for each the first statement that it accepts. */
  async #known(settings: readonly Setting[]): Promise<{ known: Setting[]; unknown: string[] }> {
    const database = await WayDatabase.create(this.#verified)
    const isAccepted = (sql: string) =>
      database.query(sql).then(
        () => true,
        () => false,
      )
    const known: Setting[] = []
    const unknown: string[] = []
    try {
      for (const setting of settings) {
        const { name, value, sql, others = [] } = setting
        if (await isAccepted(sql)) known.push(setting)
        else {
          const [present] = others.length > 0 ? await database.query(`SHOW ${name}`) : []
          const isOther = (sql: string) => writingOf(sql.split("'")[1]) !== writingOf(present?.[name])
          const other = await firstOf(others.filter(isOther), isAccepted)
          if (other === undefined) unknown.push(`${name} = ${value}`)
          else known.push({ ...setting, sql: other, value: other.split("'")[1] ?? '' })
        }
      }
      return { known, unknown }
    } finally {
      await database.dispose()
    }
  }

  /** Returns what is different, or the error with which it ends, if the settings hold up to a version. */
  async #differs(settings: readonly Setting[], upTo?: number): Promise<Difference | MigrationFailedError | undefined> {
    const usual = await this.#usually()
    try {
      const other = await this.#run(new SettingObserver(settings, upTo))
      return await differenceOf(usual, withoutKept(other, usual), () => this.#onceMore())
    } catch (error) {
      if (error instanceof MigrationFailedError) return error
      throw error
    }
  }

  async #observations(setting: Setting, found: Difference | MigrationFailedError): Promise<Observation[]> {
    const words = `${setting.name} = ${setting.value === '' ? "''" : setting.value}`
    if (found instanceof MigrationFailedError) {
      const observed = (await observationsOf(found, (version, half) => this.#halves.of(version, half))) ?? []
      return observed.map((one) => ({
        ...one,
        rule: 'depends-on-session' as const,
        ...(setting.severity && { severity: setting.severity }),
        objects: [setting.name],
        message: `It fails with ${words}, and not otherwise: ${one.message}`,
        fix: { text: setting.fix },
      }))
    }
    const migration = await this.#culprit(setting)
    const half = migration && this.#halves.of(versionOf(migration), 'up')
    return [
      {
        rule: 'depends-on-session',
        ...(setting.severity && { severity: setting.severity }),
        ...(migration && { version: versionOf(migration), half: 'up', file: half?.file ?? migration.up }),
        ...(half && placeNaming(half, found.objects)),
        objects: [setting.name],
        message: `${migration ? labelOf(migration) : 'The whole'} leads to something else with ${words} (- otherwise, + with it).`,
        fix: { text: setting.fix },
        evidence: { diff: found.text },
      },
    ]
  }

  /** Finds the first migration that makes the difference, by halves. */
  async #culprit(setting: Setting): Promise<Migration | undefined> {
    const { migrations } = this.#verified
    let [low, high] = [0, migrations.length - 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (await this.#differs([setting], migrations[middle]?.version)) high = middle
      else low = middle + 1
    }
    return migrations[low]
  }

  async #run(observer: StatementObserver | undefined): Promise<Whole> {
    const database = await WayDatabase.create(this.#verified, observer)
    try {
      await database.move('latest')
      return await database.whole()
    } finally {
      await database.dispose()
    }
  }
}

// --- internal ---

async function firstOf<T>(some: readonly T[], is: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of some) if (await is(one)) return one
  return undefined
}

function first(setting: Setting, settings: readonly Setting[]): Setting | undefined {
  return settings.find(({ name }) => name === setting.name)
}

/** Sets the settings before each migration begins, up to a version. What a file sets itself then counts. */
class SettingObserver implements StatementObserver {
  readonly isActive = true
  readonly #settings: readonly Setting[]
  readonly #upTo: number
  #at: number | undefined

  constructor(settings: readonly Setting[], upTo = Number.POSITIVE_INFINITY) {
    this.#settings = settings
    this.#upTo = upTo
  }

  async observe({ step, query }: ObservedStatement, run: () => Promise<void>): Promise<void> {
    if (this.#at !== step.version) {
      this.#at = step.version
      if (step.version <= this.#upTo) for (const { sql } of this.#settings) await query(sql)
      else
        for (const { name } of this.#settings) await query(`SET ${name === 'the clock' ? 'timestamp' : name} = DEFAULT`)
    }
    await run()
  }
}

/** Returns what tells how a locale writes dates and numbers: C.UTF-8 writes them as C does, and C as they do in English. */
function writingOf(locale: unknown): string {
  const [language = ''] = String(locale).split('.')
  return /^(?:C|POSIX|en_.*)$/.test(language) ? 'C' : language
}

/**
 * MySQL and MariaDB keep the settings of the session with each trigger, routine and event, whatever the file says: these
 * are no difference where the texts are the same.
 */
function withoutKept(whole: Whole, usual: Whole): Whole {
  const { dialect, objects } = whole.schema
  if (dialect !== 'mysql') return whole
  const known = new Map(usual.schema.objects.map((one) => [`${one.kind} ${one.name}`, one]))
  const plain = objects.map((one) => {
    const same = known.get(`${one.kind} ${one.name}`)
    return same && KEEPING.has(one.kind) && withoutSettings(one.head) === withoutSettings(same.head) ? same : one
  })
  return { ...whole, schema: new Schema(dialect, plain) }
}

const KEEPING: ReadonlySet<ObjectKind> = new Set(['trigger', 'routine', 'event'])

/** The server also writes the quotes of the object's own name as that sql_mode wants them. */
function withoutSettings(head: string): string {
  const text = head.replaceAll(/^SET (?:\w+ = .*|NAMES utf8mb4);\n?/gm, '').trim()
  return text.replace(/^CREATE \w+ ["`].*?["`]/, (start) => start.replaceAll('"', '`'))
}
