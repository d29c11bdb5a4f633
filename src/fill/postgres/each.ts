/**
 * Lets the server judge many things in one message: each runs on its own in a block that catches its error. One message
 * each, with a savepoint before and a rollback behind it, takes ten times as long.
 */
import type { Session } from '../../database/postgres/session.ts'
import { literal } from '../../database/postgres/tables.ts'
import type { Judged, JudgeLimits } from '../fillDatabase.ts'

/** Runs statements one after another, passes over those that fail, and stops at a limit. */
export async function runEach(
  session: Pick<Session, 'query'>,
  statements: readonly string[],
  { inserted, refused, refusedAtFirst }: JudgeLimits,
): Promise<Judged> {
  const body = `DECLARE
  statement text; made bigint; done bigint := 0; refused int := 0; ran int := 0; first json; code text; said text; more text; named text;
BEGIN
  FOREACH statement IN ARRAY ARRAY[${statements.map(literal).join(', ')}]::text[] LOOP
    ran := ran + 1;
    BEGIN
      EXECUTE statement;
      GET DIAGNOSTICS made = ROW_COUNT;
      done := done + made;
    EXCEPTION WHEN OTHERS THEN
      refused := refused + 1;
      IF first IS NULL THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, said = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL, named = CONSTRAINT_NAME;
        first := json_build_object('code', code, 'message', said, 'detail', NULLIF(more, ''), 'constraint', NULLIF(named, ''));
      END IF;
    END;
    EXIT WHEN done >= ${inserted} OR refused > ${refused} OR (done = 0 AND refused >= ${refusedAtFirst});
  END LOOP;
  PERFORM set_config('${ANSWER}', json_build_object('inserted', done, 'refused', refused, 'ran', ran, 'error', first)::text, true);
END`
  const answer = (await ask(session, body)) as Judged
  const { error } = answer
  return { ...answer, ...(error !== null && { error: Object.assign(new Error(), error) }) }
}

/** A question to {@link passingEach}. */
export interface EachQuestion {
  /** SQL of a SELECT with the samples of one combination after the other, its values as texts. */
  readonly source: string
  /** The columns of `source` that number the combination. */
  readonly numbers: readonly string[]
  /** SQL of a SELECT that returns whether the values of the record `one` satisfy the conditions. */
  readonly judgement: string
  readonly most: number
}

/** Returns the combinations of which all samples satisfy the conditions. A sample that makes them fail does not. */
export async function passingEach(
  session: Pick<Session, 'query'>,
  { source, numbers, judgement, most }: EachQuestion,
): Promise<number[][]> {
  const keep = `IF last IS NOT NULL AND NOT failed THEN answers := answers || last; END IF;`
  const body = `#variable_conflict use_column
DECLARE
  one record; answers json[] := '{}'; holds boolean; failed boolean := false; last json; this json;
BEGIN
  FOR one IN ${source} LOOP
    this := json_build_array(${numbers.map((name) => `one.${name}`).join(', ')});
    IF this::text IS DISTINCT FROM last::text THEN
      ${keep}
      last := this;
      failed := false;
      EXIT WHEN cardinality(answers) >= ${most};
    END IF;
    CONTINUE WHEN failed;
    BEGIN
      ${judgement};
      failed := NOT COALESCE(holds, true);
    EXCEPTION WHEN OTHERS THEN
      failed := true;
    END;
  END LOOP;
  IF cardinality(answers) < ${most} THEN ${keep} END IF;
  PERFORM set_config('${ANSWER}', to_json(answers)::text, true);
END`
  return (await ask(session, body)) as number[][]
}

// --- internal ---

/** The setting in which a block leaves its answer, since it has no rows. */
const ANSWER = 'migratest.fill'

async function ask(session: Pick<Session, 'query'>, body: string): Promise<unknown> {
  const [row] = await session.query(`DO ${literal(body)}; SELECT current_setting('${ANSWER}') AS answer`)
  return JSON.parse(String(row?.answer))
}
