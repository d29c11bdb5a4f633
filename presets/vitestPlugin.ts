/**
 * `migratest/vitest/plugin`: starts one server for the whole run, removes everything afterwards, and reruns tests when
 * a migration changes.
 */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import type { Plugin } from 'vitest/config'
import type { Reporter, TestCase, TestModule, TestProject, Vitest } from 'vitest/node'
import { pathOf } from '../src/source/folder.ts'
import { dependsOn, type MigratestMeta, versionOf } from '../src/testing/lease/meta.ts'
import { RUN_VARIABLE } from '../src/testing/lease/run.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export interface PluginOptions {
  /** The server; starts with the run and serves all its workers. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever its client is
  readonly server?: TestServer<any>
  /** Migration folders to watch, besides those that tests are known to use. */
  readonly migrations?: string | URL | readonly (string | URL)[]
}

/** The values that tests read with `inject('migratest')`. */
export interface Provided {
  /** An administrator's URL, password included; null if the option `server` is not set, or the server has no URL. */
  readonly serverUrl: string | null
}

declare module 'vitest' {
  interface ProvidedContext {
    migratest: Provided
  }
  interface TaskMeta {
    /** Set for tests that used a database. */
    migratest?: MigratestMeta
  }
}

/**
 * Returns the plugin for `plugins` in vitest's configuration. Tests also work without it, only the first one waits
 * longer for the server.
 */
export function migratest(options: PluginOptions = {}): Plugin {
  return {
    name: 'migratest',
    configureVitest({ vitest, project }) {
      const run = runs.get(vitest) ?? new Run(vitest)
      runs.set(vitest, run)
      run.add(project, options)
    },
  }
}

// --- internal ---

const runs = new WeakMap<Vitest, Run>()

/** Milliseconds to wait for further events of one save. */
const SETTLE_MS = 60

class Run implements Reporter {
  readonly #vitest: Vitest
  readonly #servers = new Map<TestProject, NonNullable<PluginOptions['server']>>()
  readonly #watched = new Set<string>()
  /** Lowest changed version by folder or seed file; undefined if a changed file has no version. */
  readonly #changed = new Map<string, number | undefined>()
  #timer: NodeJS.Timeout | undefined
  #running = false
  /** Meta data of each test from its last run. vitest keeps none for tests that a rerun skips. */
  readonly #metas = new Map<string, MigratestMeta>()

  constructor(vitest: Vitest) {
    this.#vitest = vitest
    vitest.config.reporters.push(this as never)
    vitest.onClose(() => this.#sweep())
  }

  add(project: TestProject, { server, migrations }: PluginOptions): void {
    project.provide('migratest', { serverUrl: null })
    if (server) this.#servers.set(project, server)
    for (const folder of [migrations ?? []].flat()) {
      this.#watch(resolve(project.config.root, pathOf(folder)))
    }
  }

  /** Prepares the servers before the first test; vitest waits for it. */
  async onTestRunStart(): Promise<void> {
    this.#running = true
    // The workers of this run may share what they prepare.
    process.env[RUN_VARIABLE] = randomUUID()
    for (const [project, server] of this.#servers) {
      // Tests that need the server report why it does not start.
      const serverUrl = (await server.url?.().catch(() => null)) ?? null
      project.provide('migratest', { serverUrl })
    }
    await this.#sweep()
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
      const meta = test.meta().migratest
      if (meta) this.#metas.set(test.id, meta)
      for (const path of [meta?.migrations ?? [], meta?.seedFiles ?? []].flat()) this.#watch(path)
    }
    if (!this.#vitest.config.watch) await this.#sweep()
    this.#running = false
    // Files were saved during the run. Now it is known which tests they affect.
    if (this.#changed.size > 0) this.#rerunSoon()
  }

  // --- internal ---

  async #sweep(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.sweep?.().catch(() => undefined)))
  }

  /** Watches a folder of migrations or a seed's file. */
  #watch(folder: string): void {
    if (!this.#vitest.config.watch || this.#watched.has(folder)) return
    this.#watched.add(folder)
    const { watcher } = this.#vitest.vite
    watcher.add(folder)
    const notice = (path: string) => {
      if (path !== folder && !path.startsWith(`${folder}/`)) return
      const version = versionOf(path.slice(folder.length + 1))
      const before = this.#changed.has(folder) ? this.#changed.get(folder) : Number.POSITIVE_INFINITY
      this.#changed.set(folder, before === undefined || version === undefined ? undefined : Math.min(before, version))
      if (!this.#running) this.#rerunSoon()
    }
    for (const event of ['add', 'change', 'unlink'] as const) watcher.on(event, notice)
  }

  #rerunSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#rerun(), SETTLE_MS)
  }

  async #rerun(): Promise<void> {
    if (this.#running) return
    const changes = [...this.#changed]
    this.#changed.clear()
    const specifications = []
    for (const module of this.#vitest.state.getTestModules()) {
      const tests = [...module.children.allTests()]
      const affected = (test: TestCase) =>
        changes.some(([folder, version]) => dependsOn(this.#metas.get(test.id), folder, version))
      const ids = tests.filter(affected).map(({ id }) => id)
      if (ids.length > 0) specifications.push(module.project.createSpecification(module.moduleId, { testIds: ids }))
    }
    if (specifications.length > 0) await this.#vitest.rerunTestSpecifications(specifications)
  }
}
