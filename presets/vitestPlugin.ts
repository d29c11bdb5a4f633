/** `migratest/vitest/plugin`: one server for the whole run, nothing left behind it, and reruns when a migration changes. */
import { resolve } from 'node:path'
import type { Plugin } from 'vitest/config'
import type { Reporter, TestCase, TestModule, TestProject, Vitest } from 'vitest/node'
import { pathOf } from '../src/source/folder.ts'
import { dependsOn, type MigratestMeta, versionOf } from '../src/testing/lease/meta.ts'
import type { TestServer } from '../src/testing/testServer.ts'

export interface PluginOptions {
  /** Begins to start with the run, and stays for all its workers. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever its client is
  readonly server?: TestServer<any>
  /** Folders of migrations, beside those that tests were seen to use. */
  readonly migrations?: string | URL | readonly (string | URL)[]
}

/** What tests read with `inject('migratest')`. */
export interface Provided {
  /** An administrator's, with its password; null without the option `server`, or where it has none. */
  readonly serverUrl: string | null
}

declare module 'vitest' {
  interface ProvidedContext {
    migratest: Provided
  }
  interface TaskMeta {
    /** Of a test that had a database. */
    migratest?: MigratestMeta
  }
}

/** For `plugins` of the vitest configuration. Tests work without it too, only less warm. */
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

/** Events of one save come in a burst. */
const SETTLE_MS = 60

class Run implements Reporter {
  readonly #vitest: Vitest
  readonly #servers = new Map<TestProject, NonNullable<PluginOptions['server']>>()
  readonly #watched = new Set<string>()
  /** Lowest changed version by folder; undefined: a file that tells none. */
  readonly #changed = new Map<string, number | undefined>()
  #timer: NodeJS.Timeout | undefined
  #running = false
  /** By test, from the last time that it ran: of those that a rerun passes over, vitest keeps none. */
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

  /** Before the first test: vitest waits for it. */
  async onTestRunStart(): Promise<void> {
    this.#running = true
    for (const [project, server] of this.#servers) {
      // Tests that need it tell why it does not start.
      const serverUrl = (await server.url?.().catch(() => null)) ?? null
      project.provide('migratest', { serverUrl })
    }
    await this.#sweep()
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
      const meta = test.meta().migratest
      if (meta) this.#metas.set(test.id, meta)
      if (meta?.migrations !== undefined) this.#watch(meta.migrations)
    }
    if (!this.#vitest.config.watch) await this.#sweep()
    this.#running = false
    // What was saved meanwhile: by now it is known which tests it concerns.
    if (this.#changed.size > 0) this.#rerunSoon()
  }

  // --- internal ---

  async #sweep(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.sweep?.().catch(() => undefined)))
  }

  #watch(folder: string): void {
    if (!this.#vitest.config.watch || this.#watched.has(folder)) return
    this.#watched.add(folder)
    const { watcher } = this.#vitest.vite
    watcher.add(folder)
    const notice = (path: string) => {
      if (!path.startsWith(`${folder}/`)) return
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
