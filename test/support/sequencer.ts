/** Begins with the files that take longest, so that no worker still has a long one when the others have nothing left. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** These take longest, in order, where vitest remembers no durations, as in a new clone. The others follow by size. */
const LONGEST = [
  'verify/rows',
  'verify/waysCorpus',
  'ui/page',
  'verify/corpus',
  'faults/faults',
  'fixtures/projects',
  'testing/pool',
  'testing/mysql',
  'snippets',
  'formats/sequelize',
  'testing/snapshots',
  'testing/seedFiles',
  'faults/mysql',
  'generate/postgres',
  'server/keeper',
  'database/postgres/catalogMemory',
  'verify/live',
  'generate/mysql',
  'fixtures/leases',
  'formats/codeFixtures',
  'formats/fixtures',
  'watch/watcher',
  'cli/mysql',
  'cli/generate',
  'cli/generateMysql',
  'watch/proposals',
  'cli/diff',
  'database/contract',
  'verify/release',
]

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return found === -1 ? LONGEST.length : found
    }
    return sorted.sort((a, b) => rank(a) - rank(b))
  }
}
