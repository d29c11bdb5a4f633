/** Begins with the files that take longest, so that no worker still has a long one when the others have nothing left. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** These take longest, in order, where vitest remembers no durations, as in a new clone. The others follow by size. */
const LONGEST = [
  'fixtures/projects',
  'testing/pool',
  'verify/rows',
  'faults/faults',
  'formats/sequelize',
  'ui/page',
  'testing/snapshots',
  'snippets',
  'verify/waysCorpus',
  'generate/postgres',
  'verify/live',
  'server/keeper',
  'watch/proposals',
  'watch/watcher',
  'fixtures/leases',
  'cli/commands',
  'formats/dbMigrate',
  'database/contract',
  'generate/mysql',
  'testing/seedFiles',
  'faults/mysql',
  'formats/codeFixtures',
  'formats/mikroOrm',
  'generate/online',
  'verify/corpus',
  'watch/random',
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
