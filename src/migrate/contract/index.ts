/**
 * `migratest/contract`: what every source and every driver must do, as lists of `{ name, run(subject) }` on node:assert,
 * for any test runner: `for (const { name, run } of driverContract) test(name, () => run(subject))`.
 */
export { type DriverSubject, driverContract } from './driverContract.ts'
export { type SourceSubject, sourceContract } from './sourceContract.ts'
