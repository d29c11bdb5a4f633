/** The checks whether it matters in how many sessions migrations run, and whether a copy is what it was copied from. */
import { MigrationFailedError } from '../../migrate/errors.ts'
import type { Migration } from '../../migrate/source.ts'
import { labelOf, versionOf } from '../../migrate/version.ts'
import { MigratedDatabase } from '../../testing/lease/migratedDatabase.ts'
import type { TestServer } from '../../testing/testServer.ts'
import type { Beforehand } from '../beforehand.ts'
import type { Check, MakeCheck, Observed } from '../check.ts'
import type { Halves } from '../halves.ts'
import { observationsOf } from '../observed.ts'
import type { RuleGroup } from '../rules.ts'
import type { SchemaChecks, Shared } from '../schemaChecks.ts'
import { placeNaming } from '../statementAt.ts'
import { VerificationError } from '../verificationError.ts'
import type { Verified } from '../verified.ts'
import { WayDatabase, wholeOfDatabase } from './wayDatabase.ts'
import { differenceOf, type Whole } from './whole.ts'

export class StepChecks<Client> {
  readonly #verified: Verified<Client>
  readonly #schema: SchemaChecks<Client>
  readonly #halves: Halves
  readonly #make: MakeCheck
  readonly #beforehand: Beforehand
  #atOnce: Promise<Whole> | undefined
  #inSteps: Whole | undefined

  constructor(verified: Verified<Client>, schema: SchemaChecks<Client>, { halves, make, beforehand }: Shared) {
    this.#verified = verified
    this.#schema = schema
    this.#halves = halves
    this.#make = make
    this.#beforehand = beforehand
  }

  checks(): Check[] {
    const { also = [] } = this.#verified.options
    const copy = this.#beforehand.plan('straight', 'snapshot', () => this.#copied())
    const check = (id: string, group: RuleGroup, name: string, work: () => Promise<Observed>) =>
      this.#make({ id, group, name, version: undefined }, work)
    return [
      check(
        'sessions',
        'session',
        'each migration in a session of its own: the same schema, rows and next numbers',
        () => this.#sessions(),
      ),
      ...also.map((server, n) =>
        check(
          `server-${n + 1}`,
          'paths',
          `on another server (${n + 1} of ${also.length}): the same schema and rows`,
          () => this.#onServer(server),
        ),
      ),
      ...(this.#verified.options.snapshots === false
        ? []
        : [
            check('snapshot', 'paths', 'a copy of a snapshot: the same schema, rows and next numbers', () =>
              this.#snapshot(copy),
            ),
          ]),
    ]
  }

  // --- internal ---

  async #once(): Promise<Whole> {
    const known = await this.#schema.whole()
    if (known) return known
    this.#atOnce ??= this.#run((database) => database.move('latest'))
    return this.#atOnce
  }

  async #sessions(): Promise<Observed> {
    const { migrations } = this.#verified
    const expected = await this.#once()
    try {
      const found = await this.#run((database) => inSteps(database, migrations))
      this.#inSteps = found
      const difference = await differenceOf(expected, found, () => this.#run((database) => database.move('latest')))
      if (!difference) return {}
      const culprit = await this.#culprit()
      const half = culprit && this.#halves.of(versionOf(culprit), 'up')
      return {
        observations: [
          {
            rule: 'paths-differ',
            ...(culprit && { version: versionOf(culprit), half: 'up', file: half?.file ?? culprit.up }),
            ...(half && placeNaming(half, difference.objects)),
            objects: difference.objects,
            message: `${culprit ? labelOf(culprit) : 'The whole'} leads to something else in a session of its own (- all in one session, + each in its own).`,
            fix: { text: FIX },
            evidence: { diff: difference.text },
          },
        ],
      }
    } catch (error) {
      if (!(error instanceof MigrationFailedError)) throw error
      const observed = (await observationsOf(error, (version, half) => this.#halves.of(version, half))) ?? []
      return {
        observations: observed.map((one) => ({
          ...one,
          rule: 'paths-differ' as const,
          message: `It fails in a session of its own, and not in one that has run the migrations before: ${one.message}`,
          fix: { text: FIX },
        })),
      }
    }
  }

  /** Finds the first version at which the two ways differ, by halves. */
  async #culprit(): Promise<Migration | undefined> {
    const { migrations } = this.#verified
    let [low, high] = [0, migrations.length - 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const some = migrations.slice(0, middle + 1)
      const atOnce = () => this.#run((database) => database.move(versionOf(some.at(-1) as Migration)))
      if (await differenceOf(await atOnce(), await this.#run((database) => inSteps(database, some)), atOnce))
        high = middle
      else low = middle + 1
    }
    return migrations[low]
  }

  async #copied(): Promise<Whole> {
    const { options, source } = this.#verified
    const { onEvent: _, ...rest } = options
    // The first of them makes the snapshot, if there is none.
    const open = () => MigratedDatabase.create({ ...rest, migrations: source, version: 'latest' }, { isOnly: true })
    await (await open())[Symbol.asyncDispose]()
    const db = await open()
    return wholeOfDatabase(this.#verified, db).finally(() => db[Symbol.asyncDispose]())
  }

  async #snapshot(copy: () => Promise<Whole>): Promise<Observed> {
    const expected = await this.#once()
    const copied = await copy()
    const again = () => this.#run((database) => database.move('latest'))
    const difference = await differenceOf(expected, copied, again)
    if (!difference) return {}
    // A snapshot is made in steps. What those change is told above.
    if (this.#inSteps && !(await differenceOf(this.#inSteps, copied, again))) return {}
    return {
      observations: [
        {
          rule: 'paths-differ',
          objects: difference.objects,
          message: 'A copy of a snapshot is another than a database that ran the migrations (- run, + copied).',
          fix: {
            text: "Let no migration depend on the database's name or on when it runs; or turn snapshots off (snapshots: false).",
          },
          evidence: { diff: difference.text },
        },
      ],
    }
  }

  async #onServer(server: TestServer<unknown>): Promise<Observed> {
    const { source, options } = this.#verified
    if (server.dialect !== options.server.dialect) {
      throw new VerificationError(
        `also: this server speaks ${server.dialect}, and the other ${options.server.dialect}.`,
      )
    }
    const expected = await this.#once()
    const database = await WayDatabase.create({ source, options: { ...options, server } as typeof options })
    try {
      const [row] = await database.query('SELECT version() AS version')
      const name = String(row?.version).split(/[ ,]/).slice(0, 2).join(' ')
      await database.move('latest')
      const found = await database.whole()
      const difference = await differenceOf(expected, found, () => this.#run((other) => other.move('latest')))
      if (!difference) return { remark: name }
      return {
        observations: [
          {
            rule: 'paths-differ',
            objects: difference.objects,
            message: `On ${name} the migrations lead to something else (- on the first server, + there).`,
            fix: { text: 'Write it so that all servers read it alike, or test on the server that you deploy to.' },
            evidence: { diff: difference.text },
          },
        ],
      }
    } catch (error) {
      if (!(error instanceof MigrationFailedError)) throw error
      const observed = (await observationsOf(error, (version, half) => this.#halves.of(version, half))) ?? []
      return {
        observations: observed.map((one) => ({
          ...one,
          rule: 'paths-differ' as const,
          message: `It fails on another server, and not on the first: ${one.message}`,
        })),
      }
    } finally {
      await database.dispose()
    }
  }

  async #run(work: (database: WayDatabase<Client>) => Promise<unknown>): Promise<Whole> {
    const database = await WayDatabase.create(this.#verified)
    try {
      await work(database)
      return await database.whole()
    } finally {
      await database.dispose()
    }
  }
}

// --- internal ---

async function inSteps<Client>(database: WayDatabase<Client>, migrations: readonly Migration[]): Promise<void> {
  for (const migration of migrations) {
    await database.move(versionOf(migration))
    await database.closeDriver()
  }
}

const FIX =
  'Let no migration use what an earlier one has left in the session: temporary tables, variables, prepared statements, settings.'
