/**
 * `migratest/contract`: the tests every source and every driver must pass, as lists of
 * `{ name, run(subject) }` on node:assert, for any test runner:
 * `for (const { name, run } of driverContract) test(name, () => run(subject))`.
 */
export { type DriverSubject, driverContract } from './driverContract.ts'
export { type FormatSubject, formatContract } from './formatContract.ts'
export { type SourceSubject, sourceContract } from './sourceContract.ts'
