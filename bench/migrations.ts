/** Migrations of the kind projects have: a table with keys and an index, then a column, then a row or two. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Files {
  /** golang-migrate's layout. */
  readonly folder: string
  /** node-pg-migrate's: up and down in one file. */
  readonly sqlFolder: string
  /** dbmate's. */
  readonly dbmateFolder: string
}

export function writeMigrations(count: number): Files {
  const root = mkdtempSync(join(tmpdir(), `migratest-bench-${count}-`))
  const files: Files = {
    folder: join(root, 'migrations'),
    sqlFolder: join(root, 'sql'),
    dbmateFolder: join(root, 'dbmate'),
  }
  for (const folder of Object.values(files)) mkdirSync(folder)
  for (let i = 1; i <= count; i++) {
    const { up, down } = migration(i)
    const stem = `${String(i).padStart(6, '0')}_step_${i}`
    writeFileSync(join(files.folder, `${stem}.up.sql`), up)
    writeFileSync(join(files.folder, `${stem}.down.sql`), down)
    writeFileSync(
      join(files.sqlFolder, `${1_600_000_000_000 + i}_step-${i}.sql`),
      `-- Up Migration\n${up}\n-- Down Migration\n${down}`,
    )
    writeFileSync(
      join(files.dbmateFolder, `${20200000000000 + i}_step_${i}.sql`),
      `-- migrate:up\n${up}\n-- migrate:down\n${down}`,
    )
  }
  return files
}

// --- internal ---

function migration(i: number): { up: string; down: string } {
  const table = `t${Math.ceil(i / 4)}`
  const references = i > 4 ? `,\n  parent_id bigint references t${Math.ceil(i / 4) - 1} on delete cascade` : ''
  switch (i % 4) {
    case 1:
      return {
        up: `create table ${table} (\n  id bigint generated always as identity primary key,\n  name text not null check (name <> ''),\n  state text not null default 'new',\n  created_at timestamptz not null default now()${references}\n);\ncreate index ${table}_state_idx on ${table} (state);\n`,
        down: `drop table ${table};\n`,
      }
    case 2:
      return {
        up: `alter table ${table} add column note text;\nalter table ${table} add column amount numeric(12, 2) not null default 0;\n`,
        down: `alter table ${table} drop column amount;\nalter table ${table} drop column note;\n`,
      }
    case 3:
      return {
        up: `insert into ${table} (name, note) select 'row ' || g, 'seeded' from generate_series(1, 20) g;\n`,
        down: `delete from ${table} where note = 'seeded';\n`,
      }
    default:
      return {
        up: `create view ${table}_open as select id, name, amount from ${table} where state = 'new';\n`,
        down: `drop view ${table}_open;\n`,
      }
  }
}
