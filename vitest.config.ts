import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/sequencer.ts'

const here = (file: string) => join(import.meta.dirname, file)

const TESTS = ['test/**/*.test.ts', 'examples/**/*.test.ts']
const NO_TESTS = ['**/node_modules/**', '**/.runs/**']

/**
 * Their files each begin in a new process, since they depend on what a process keeps: databases of tests, servers, watchers,
 * modules of other tools, registered kinds of databases. The others share processes, which saves half a second of computing
 * for each file.
 */
const IN_NEW_PROCESSES = [
  'test/{faults,fixtures,formats,server,testing,ui,watch}/**/*.test.ts',
  'test/database/sqlite/*.test.ts',
  'test/snippets.test.ts',
  'examples/**/*.test.ts',
]

export default defineConfig({
  // Examples import the package by its name, as its users do; here that means the sources.
  resolve: {
    alias: [
      { find: 'migratest/vitest', replacement: here('fixtures/vitest.ts') },
      { find: 'migratest/sources', replacement: here('presets/sources.ts') },
      { find: /^migratest\/presets\/(.*)$/, replacement: here('presets/$1.ts') },
      { find: /^migratest$/, replacement: here('index.ts') },
    ],
  },
  test: {
    projects: [
      { extends: true, test: { name: 'new process', include: IN_NEW_PROCESSES, exclude: NO_TESTS } },
      {
        extends: true,
        test: {
          name: 'shared process',
          include: TESTS,
          exclude: [...NO_TESTS, ...IN_NEW_PROCESSES],
          isolate: false,
        },
      },
    ],
    globalSetup: ['test/support/globalSetup.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    // A first container of a kind may have to be downloaded.
    hookTimeout: 180_000,
    testTimeout: 60_000,
    // Long enough where three files share two processors.
    expect: { poll: { timeout: 10_000 } },
    // Tests that kill race against a machine that may be busy. One that needs its second try is named in the report.
    retry: process.env.CI ? 1 : 0,
    pool: 'forks',
    // Elsewhere vitest remembers how long each file took.
    ...(process.env.CI && { sequence: { sequencer: LongestFirst } }),
    // The files wait for servers more than they compute.
    maxWorkers: Math.max(3, availableParallelism() - 1),
  },
})
