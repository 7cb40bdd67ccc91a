export { findLeftovers } from './leftovers.ts'
export { type StateLayout, toStateLayout } from './state-layout.ts'
