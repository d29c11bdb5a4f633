/** Roles that migrations expect. They belong to the server, so they are made once on it. */
import { identifier, literal } from '../../../database/postgres/tables.ts'

export function createRole(name: string): string {
  return `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(name)}) THEN CREATE ROLE ${identifier(name)}; END IF; END $$`
}
