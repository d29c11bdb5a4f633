import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    globalSetup: ['test/support/globalSetup.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    // A first container of a kind may have to be downloaded.
    hookTimeout: 180_000,
    testTimeout: 60_000,
    pool: 'forks',
  },
})
