/** `describeMigrations`: a test for each check and version, of all groups; what is declared as an exception fails nothing. */
import { expect, test } from 'vitest'
import { runVitest } from '../support/vitestRun.ts'

test('each check of each group is a test of its own', { timeout: 180_000 }, async () => {
  const { tests, screen, exitCode } = await runVitest({
    'migrations/1_users.up.sql': 'create table users (id int primary key, name text not null)',
    'migrations/1_users.down.sql': 'drop table users',
    'migrations/2_rename.up.sql':
      "alter table users rename column name to full_name;\ncreate table days (at timestamptz);\ninsert into days values ('2024-12-25 00:00')",
    'migrations/2_rename.down.sql': 'drop table days; alter table users rename column full_name to name',
    'all.test.ts': `
      import { postgres } from 'migratest/presets/postgres'
      import { describeMigrations } from 'migratest/vitest'
      describeMigrations({
        server: postgres(),
        migrations: 'migrations',
        groups: ['schema', 'paths', 'compat', 'session', 'interrupt'],
        rules: { 'old-code-breaks': 'error', 'depends-on-session': 'error' },
        allow: { 2: { 'depends-on-session': 'the day is what matters' } },
        skip: { 'two-at-once': 'one process migrates', 'interrupted 1': 'it is old' },
      })`,
  })
  const status = Object.fromEntries(
    Object.entries(tests).map(([name, one]) => [name.replace('migrations ', ''), one.status]),
  )
  expect(status, screen).toMatchObject({
    '1_users: up, down, up': 'passed',
    'a copy of a snapshot: the same schema, rows and next numbers': 'passed',
    '1_users: the code of the version before goes on': 'passed',
    '2_rename: the code of the version before goes on': 'failed',
    'under other settings of the session: the same schema and rows': 'passed',
    'as a role that owns nothing: which statement needs which right': 'passed',
    '1_users: interrupted at each statement and continued (skipped: it is old)': 'skipped',
    '2_rename: interrupted at each statement and continued': 'passed',
    'two processes at once: one waits for the other (skipped: one process migrates)': 'skipped',
  })
  expect(screen).toContain('Code of the version before fails that uses users.name (SELECT, INSERT, UPDATE)')
  expect(exitCode).toBe(1)
})
