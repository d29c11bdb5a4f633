/** Says at the end which servers the tests used and what was skipped, and why. */
import type { Reporter, TestModule, Vitest } from 'vitest/node'
import type { Availability } from './globalSetup.ts'

export default class ServersReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 }
    const skippedSuites = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') count.passed++
        else if (state === 'failed') count.failed++
        else {
          count.skipped++
          const suite = test.parent.type === 'suite' ? test.parent.fullName : module.moduleId
          skippedSuites.set(suite, (skippedSuites.get(suite) ?? 0) + 1)
        }
      }
    }
    const servers = (this.#vitest?.getRootProject().getProvidedContext().servers ?? []) as Availability[]
    const out = ['', 'Servers on this machine:']
    for (const { kind, from, missing } of servers)
      out.push(`  ${missing === undefined ? 'used' : 'not here'}: ${kind}, ${from}${missing ? ` (${missing})` : ''}`)
    if (skippedSuites.size > 0) out.push('Skipped:')
    for (const [suite, tests] of skippedSuites) out.push(`  ${suite}: ${tests}`)
    out.push('', `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
    console.log(out.join('\n'))
  }
}
